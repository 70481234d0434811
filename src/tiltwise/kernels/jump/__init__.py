"""Statistical jump models: fits, states, penalties and starting centres."""
