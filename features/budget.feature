Feature: Budgets
  Money in three tiers that hold all at once. A reservation never overruns a limit; a cost is always recorded.

  Scenario: A reservation holds its estimate until it is settled
    Given plan "mend" may spend 10
    When 4 is reserved for plan "mend"
    Then it is done
    And nothing is told
    And plan "mend" has spent 0 and reserved 4
    And the organisation has spent 0 and reserved 4
    When the reservation is settled at 2.5
    Then nothing is told
    And plan "mend" has spent 2.5 and reserved 0
    And the organisation has spent 2.5 and reserved 0

  Scenario: A reservation that is dropped gives back what it held
    Given plan "mend" may spend 10
    And 4 was reserved for plan "mend"
    When the reservation is dropped
    Then nothing is told
    And plan "mend" has spent 0 and reserved 0

  Scenario: What is only reserved is not warned of, its cost is
    Given plan "mend" may spend 10
    When 9 is reserved for plan "mend"
    Then nothing is told
    When the reservation is settled at 8
    Then exactly this is told
      | event          | spent_usd | limit_usd |
      | budget.warning | 8         | 10        |

  Scenario: A reservation that does not fit is refused, and that is told
    Given plan "mend" may spend 10
    And 7.5 was reserved for plan "mend"
    When 3 is reserved for plan "mend"
    Then it is refused: "cannot reserve 3 USD for plan mend: of its limit of 10 USD 0 are spent and 7.5 reserved"
    And exactly this is told
      | event           | cause | plan_id |
      | budget.exceeded | -     | mend    |
    And budget.exceeded says
      | tier          | plan |
      | scope_id      | mend |
      | spent_usd     | 0    |
      | reserved_usd  | 7.5  |
      | requested_usd | 3    |
      | limit_usd     | 10   |
    And the organisation has spent 0 and reserved 7.5

  Scenario: All tiers hold at once
    Given session "s-1" may spend 10
    And the organisation may spend 2
    When 3 is reserved for plan "mend" and session "s-1"
    Then it is refused: "cannot reserve 3 USD for the organisation"
    And exactly this is told
      | event           | tier         | scope_id     | session_id |
      | budget.exceeded | organisation | organisation | -          |
    And session "s-1" has spent 0 and reserved 0
    And plan "mend" has spent 0 and reserved 0

  Scenario: A reservation that fits no tier is told once for each, the narrowest first
    Given plan "mend" may spend 1
    And session "s-1" may spend 2
    And the organisation may spend 10
    When 3 is reserved for plan "mend" and session "s-1"
    Then it is refused: "cannot reserve 3 USD for plan mend"
    And exactly this is told
      | event           | tier    | scope_id | plan_id | session_id | requested_usd | limit_usd |
      | budget.exceeded | plan    | mend     | mend    | -          | 3             | 1         |
      | budget.exceeded | session | s-1      | -       | s-1        | 3             | 2         |
    And the organisation has spent 0 and reserved 0

  Scenario: A reservation fits up to the last micro-dollar
    Given plan "mend" may spend 10
    And 4 was reserved for plan "mend"
    When 6.000001 is reserved for plan "mend"
    Then it is refused: "cannot reserve 6.000001 USD for plan mend"
    When 6 is reserved for plan "mend"
    Then it is done
    And nothing is told
    And plan "mend" has spent 0 and reserved 10

  Scenario: A tier without a limit is unlimited
    When 1000000 is recorded for plan "mend"
    Then it is done
    And nothing is told
    When 1000000 is reserved for session "s-1"
    Then it is done
    And nothing is told

  Scenario: A tier whose limit is removed is unlimited again
    Given plan "mend" may spend 1
    When plan "mend" may spend without a limit from now on
    Then nothing is told
    When 1000000 is recorded for plan "mend"
    Then nothing is told

  Scenario: A cost above the limit is recorded and told
    Given session "s-1" may spend 1
    When 1.5 is recorded for session "s-1"
    Then it is done
    And exactly this is told
      | event           | cause | session_id | tier    | scope_id | spent_usd | limit_usd |
      | budget.warning  | -     | s-1        | session | s-1      | 1.5       | 1         |
      | budget.exceeded | -     | s-1        | session | s-1      | 0         | 1         |
    And session "s-1" has spent 1.5 and reserved 0

  Scenario: A call that cost more than was reserved is recorded and told
    Given plan "mend" may spend 10
    And 1 was reserved for plan "mend"
    When the reservation is settled at 12
    Then exactly this is told
      | event           | spent_usd | requested_usd |
      | budget.warning  | 12        | -             |
      | budget.exceeded | 0         | 12            |

  Scenario: A threshold is warned of once, and again after the limit was raised
    Given plan "mend" may spend 10
    When 7.999999 is recorded for plan "mend"
    Then nothing is told
    When 0.000001 is recorded for plan "mend"
    Then exactly this is told
      | event          | cause | plan_id |
      | budget.warning | -     | mend    |
    And budget.warning says
      | tier      | plan |
      | scope_id  | mend |
      | spent_usd | 8    |
      | limit_usd | 10   |
      | threshold | 0.8  |
    When 1 is recorded for plan "mend"
    Then nothing is told
    When plan "mend" may spend 20 from now on
    Then nothing is told
    When 7 is recorded for plan "mend"
    Then exactly this is told
      | event          | spent_usd | limit_usd |
      | budget.warning | 16        | 20        |

  Scenario: A limit that is lowered is warned of once
    Given plan "mend" may spend 10
    When 5 is recorded for plan "mend"
    Then nothing is told
    When plan "mend" may spend 6 from now on
    Then exactly this is told
      | event          | plan_id | spent_usd | limit_usd |
      | budget.warning | mend    | 5         | 6         |
    When plan "mend" may spend 5.5 from now on
    Then nothing is told
    When 0.1 is recorded for plan "mend"
    Then nothing is told

  Scenario: A limit that is raised is warned of again where its threshold is crossed already
    Given plan "mend" may spend 10
    When 9.5 is recorded for plan "mend"
    Then exactly this is told
      | event          | spent_usd | limit_usd |
      | budget.warning | 9.5       | 10        |
    When plan "mend" may spend 11 from now on
    Then exactly this is told
      | event          | spent_usd | limit_usd |
      | budget.warning | 9.5       | 11        |

  Scenario: Another threshold can be chosen
    Given budgets that warn at 0.5
    And session "s-1" may spend 10
    When 4.999999 is recorded for session "s-1"
    Then nothing is told
    When 0.000001 is recorded for session "s-1"
    Then exactly this is told
      | event          | tier    | scope_id | session_id | spent_usd | limit_usd | threshold |
      | budget.warning | session | s-1      | s-1        | 5         | 10        | 0.5       |

  Scenario: A budget of another plan does not name the root of the plan that runs now
    Given the organisation may spend 0
    And plan "other" may spend 0
    And plan "mend" was opened in the tree of "whole"
    When 1 is reserved for plan "other" inside that plan
    Then exactly this is told
      | event           | cause        | tier         | plan_id | root_plan_id |
      | budget.exceeded | plan.created | plan         | other   | -            |
      | budget.exceeded | plan.created | organisation | mend    | whole        |

  Scenario: A budget of the plan that runs now names its root, and so does that of the root
    Given plan "mend" may spend 0
    And plan "whole" may spend 0
    And plan "mend" was opened in the tree of "whole"
    When 1 is reserved for plan "mend" inside that plan
    Then exactly this is told
      | event           | cause        | plan_id | root_plan_id |
      | budget.exceeded | plan.created | mend    | whole        |
    When 1 is reserved for plan "whole" inside that plan
    Then exactly this is told
      | event           | cause        | plan_id | root_plan_id |
      | budget.exceeded | plan.created | whole   | whole        |

  Scenario: Events are caused by what runs now
    Given plan "mend" may spend 0
    And a session was created
    When 1 is recorded for plan "mend" inside the session
    Then exactly this is told
      | event           | cause           | plan_id | session_id |
      | budget.warning  | session.created | mend    | s-1        |
      | budget.exceeded | session.created | mend    | s-1        |

  Scenario: Zero is a limit
    Given the organisation may spend 0
    When 0.000001 is reserved for plan "mend"
    Then it is refused: "of its limit of 0 USD"
    And exactly this is told
      | event           | tier         | requested_usd | limit_usd |
      | budget.exceeded | organisation | 0.000001      | 0         |

  Scenario: Zero lets no cost pass untold
    Given plan "mend" may spend 0
    When 0.000001 is recorded for plan "mend"
    Then it is done
    And exactly this is told
      | event           | tier | spent_usd | requested_usd | limit_usd |
      | budget.warning  | plan | 0.000001  | -             | 0         |
      | budget.exceeded | plan | 0         | 0.000001      | 0         |
    When 0 is recorded for plan "mend"
    Then it is done
    And nothing is told

  Scenario Outline: What is not a number is not an amount
    Then "<text>" is not an amount

    Examples:
      | text     |
      | NaN      |
      | inf      |
      | 1e3      |
      | 0.0000001 |
      |          |

  Scenario: A budget of nobody is refused
    When plan "" may spend 1 from now on
    Then it is refused: "cannot keep a budget of a plan of that id"
    And nothing is told
    When 1 is reserved for plan ""
    Then it is refused: "cannot keep a budget of a plan of that id"
    And nothing is told

  Scenario Outline: A negative amount is refused
    Given plan "mend" may spend 10
    When <act>
    Then it is refused: "cannot take a negative amount: -1 USD"
    And nothing is told
    And plan "mend" has spent 0 and reserved 0

    Examples:
      | act                                  |
      | -1 is reserved for plan "mend"       |
      | -1 is recorded for plan "mend"       |
      | plan "mend" may spend -1 from now on |

  Scenario: A negative cost leaves the reservation as it is
    Given plan "mend" may spend 10
    And 4 was reserved for plan "mend"
    When the reservation is settled at -1
    Then it is refused: "cannot settle a reservation of 4 USD"
    And nothing is told
    And plan "mend" has spent 0 and reserved 4

  Scenario: Budgets go on from a snapshot, without what was only reserved
    Given plan "mend" may spend 10
    And 4 was reserved for plan "mend"
    When 8.000001 is recorded for plan "mend"
    And the budgets go on from a snapshot
    Then nothing is told
    And plan "mend" has spent 8.000001 and reserved 0
    And the organisation has spent 8.000001 and reserved 0
    When 1 is recorded for plan "mend"
    Then nothing is told
    When 1 is reserved for plan "mend"
    Then it is refused: "of its limit of 10 USD 9.000001 are spent and 0 reserved"

  Scenario: A snapshot of another version is refused
    When the budgets go on from a snapshot of version 2
    Then it is refused: "the snapshot has version 2; this build reads version 1"
