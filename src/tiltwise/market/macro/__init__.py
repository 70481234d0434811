"""Macro data with release dates: FRED-MD vintages, dated records, revision policies."""
