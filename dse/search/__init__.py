"""Where a study's budget goes: which run comes next, which one need not go on, and what is still to be gained."""
