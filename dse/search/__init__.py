"""Where a study's budget goes: which run comes next, which one may stop, and what is still to be gained."""
