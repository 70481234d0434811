"""Audit for look-ahead: answers at a cut must not change when later data are perturbed.

What is decided after the close of t may depend on nothing later. So the auditor takes the market,
changes everything after a cut (removes it; multiplies it by noise; mirrors it; silences half of
the assets), asks the same question again and compares every answer that was known at the cut. Two
sides are audited: the *decision side* (whatever stands on rows up to the cut) and the *earn side*
(the weight that earns the session after the cut must not move with that session).

Three kinds of subject:

- a strategy: at each cut, the features that it asks the market for, its fitted record, its
  evidence and its weights, one by one and continuous, since a rank or a label hides small
  changes; `decide_many` on blocks that go beyond the cut; features on rows beyond it;
- a ``prices -> weights`` function (bare, or in `from_weights`): called on whole changed tables,
  never only on a cut, since a cut already hides what would be changed. One call tests every row up
  to the cut. Past prices are also rescaled as later dividends do: weights must not change;
- a function of a market: called on whole changed markets; it may choose a universe, tune or encode
  inside, and return weights, features, named frames (each a node), a backtest or a strategy.

Cuts are put where leaks show: inside gaps of prices, around ends of months and years, at refits,
changes of regime, switches of the answer itself, before publications, at both ends; the rest at
random.

A strategy is cut so often that the audit asks for fewer decisions and at most half as many further
fits (never less than one) than its backtest; a function as often as fits the budget.

What it cannot see:

- data that the code reads from elsewhere (a file, a closure over the whole market): such code does
  not answer to the market it is given, and its nodes are reported as not exercised. Give the
  auditor a function of the market that builds it;
- a leak that only labels or ranks come out of, unless a cut happens to flip one. Return the scores
  too;
- a leak through data that this market lacks (macro, opens, gaps): reported as not exercised;
- a choice made by a person who has seen the whole history, and a data set that was revised or
  picked before it came here.
"""

from tiltwise.lookahead.auditor import audit
from tiltwise.lookahead.report import AuditReport, Finding

__all__ = ["AuditReport", "Finding", "audit"]
