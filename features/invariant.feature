Feature: Invariants
  What plans must keep. The stronger of two holds; one that is violated stops the plan that it reaches.

  Scenario: The invariants of a plan are reconciled
    Given these invariants
      | id       | scope           | of      | key     |
      | weak     | global          | -       | weekday |
      | project  | project         | greeter | weekday |
      | action   | action          | apply   | weekday |
      | plan     | plan            | mend    | weekday |
      | other    | plan            | paint   | weekday |
      | firm     | non-overridable | -       | secrets |
      | soft     | plan            | mend    | secrets |
      | unkeyed  | global          | -       | -       |
    When the invariants of plan "mend" of "greeter" are reconciled
    Then exactly this is told
      | event                | cause | plan_id |
      | invariant.reconciled | -     | mend    |
    And invariant.reconciled says
      | effective     | 3                   |
      | overridden    | 3                   |
      | conflicts     | 2                   |
      | invariant_ids | firm, plan, unkeyed |
    And "project" lost to "plan" for plan "mend" of "greeter"
    And "weak" lost to "plan" for plan "mend" of "greeter"
    And "soft" lost to "firm" for plan "mend" of "greeter"

  Scenario: Which invariants hold can be asked without telling it
    Given these invariants
      | id   | scope  | of   | key     |
      | all  | global | -    | weekday |
      | mine | plan   | mend | weekday |
    When it is asked what holds for plan "mend" of "greeter"
    Then it is done
    And nothing is told

  Scenario: Among equals the first one holds, until it is removed
    Given these invariants
      | id     | scope  | of | key     |
      | first  | global | -  | weekday |
      | second | global | -  | weekday |
    When the invariants of plan "mend" of "greeter" are reconciled
    Then exactly this is told
      | event                | invariant_ids | overridden | conflicts |
      | invariant.reconciled | first         | 1          | 1         |
    When invariant "first" is removed
    Then it is done
    And nothing is told
    When the invariants of plan "mend" of "greeter" are reconciled
    Then exactly this is told
      | event                | invariant_ids | overridden | conflicts |
      | invariant.reconciled | second        | 0          | 0         |

  Scenario: An invariant that is violated is told with its reason
    Given these invariants
      | id        | scope   | of      | check                    |
      | no-friday | project | greeter | says no: it is Friday    |
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | cause                | plan_id |
      | invariant.reconciled | -                    | mend    |
      | invariant.violated   | invariant.reconciled | mend    |
    And invariant.violated says
      | invariant_id | no-friday           |
      | scope        | project             |
      | text         | no-friday must hold |
      | reason       | it is Friday        |

  Scenario: What held is told, and of a statement nothing
    Given these invariants
      | id        | scope  | of   | check |
      | no-friday | plan   | mend | holds |
      | be-kind   | global | -    | -     |
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | cause                | plan_id | invariant_id | scope |
      | invariant.reconciled | -                    | mend    | -            | -     |
      | invariant.enforced   | invariant.reconciled | mend    | no-friday    | plan  |
    And invariant.enforced says
      | invariant_id | no-friday |
      | scope        | plan      |
      | duration_ms  | *         |

  Scenario Outline: A check that cannot say counts as violated
    Given these invariants
      | id    | scope  | of   | check   |
      | vague | global | -    | <check> |
      | clear | plan   | mend | -       |
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | cause                | invariant_id | reason   |
      | invariant.reconciled | -                    | -            | -        |
      | invariant.violated   | invariant.reconciled | vague        | <reason> |

    Examples:
      | check                        | reason                                        |
      | errors: the calendar is lost | its check could not say: the calendar is lost |
      | panics: a day too many       | its check panicked: a day too many            |

  Scenario: A check that takes too long counts as violated
    Given these invariants
      | id   | scope  | of | check |
      | slow | global | -  | hangs |
    And a check may take no time
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | cause                | invariant_id | reason                         |
      | invariant.reconciled | -                    | -            | -                              |
      | invariant.violated   | invariant.reconciled | slow         | its check took longer than 0 s |

  Scenario: An enforcement that is cancelled violates what it could not check
    Given these invariants
      | id       | scope  | of | check |
      | late     | global | -  | holds |
      | be-kind  | global | -  | -     |
    When the invariants of plan "mend" of "greeter" are enforced, and that is cancelled
    Then exactly this is told
      | event                | cause                | invariant_id | reason           |
      | invariant.reconciled | -                    | -            | -                |
      | invariant.violated   | invariant.reconciled | late         | it was cancelled |

  Scenario: A violated invariant refuses the move of a plan
    Given plan "mend" complete in execute
    And these invariants
      | id        | scope  | of    | check                 |
      | no-friday | action | apply | says no: it is Friday |
      | be-kind   | global | -     | holds                 |
    When plan "mend" advances
    Then it is refused: "cannot advance plan mend to apply: invariant no-friday is violated: it is Friday; it demands: no-friday must hold"
    And exactly this is told
      | event                | cause                | plan_id | root_plan_id | invariant_id |
      | invariant.reconciled | plan.created         | mend    | mend         | -            |
      | invariant.violated   | invariant.reconciled | mend    | mend         | no-friday    |
      | invariant.enforced   | invariant.reconciled | mend    | mend         | be-kind      |
    And plan "mend" is complete in execute
    When invariant "no-friday" is removed
    And plan "mend" advances
    Then exactly this is told
      | event                | cause                | plan_id | to    |
      | invariant.reconciled | plan.created         | mend    | -     |
      | invariant.enforced   | invariant.reconciled | mend    | -     |
      | plan.phase_changed   | plan.created         | mend    | apply |

  Scenario: One violated invariant among many is enough to keep a plan where it is
    Given plan "mend" queued in action
    And these invariants
      | id        | scope           | of         | key     | check                 |
      | firm      | non-overridable | -          | secrets | holds                 |
      | mine      | plan            | mend       | -       | holds                 |
      | no-friday | action          | strategize | -       | says no: it is Friday |
      | paint     | plan            | paint      | -       | says no: not mine     |
      | soft      | global          | -          | secrets | says no: it lost      |
      | every     | global          | -          | -       | holds                 |
      | be-kind   | global          | -          | -       | -                     |
    When plan "mend" advances
    Then it is refused: "cannot advance plan mend to strategize: invariant no-friday is violated: it is Friday"
    And exactly this is told
      | event                | cause                | plan_id | root_plan_id | invariant_id | scope  | effective | overridden |
      | invariant.reconciled | plan.created         | mend    | mend         | -            | -      | 5         | 1          |
      | invariant.enforced   | invariant.reconciled | mend    | mend         | firm         | global | -         | -          |
      | invariant.enforced   | invariant.reconciled | mend    | mend         | mine         | plan   | -         | -          |
      | invariant.violated   | invariant.reconciled | mend    | mend         | no-friday    | action | -         | -          |
      | invariant.enforced   | invariant.reconciled | mend    | mend         | every        | global | -         | -          |
    And plan "mend" is queued in action

  Scenario: All violated invariants are told and stand in the refusal
    Given plan "mend" queued in action
    And these invariants
      | id        | scope  | of   | check                 |
      | no-friday | global | -    | says no: it is Friday |
      | vague     | plan   | mend | errors: who knows     |
    When plan "mend" advances
    Then it is refused: "invariant vague is violated: its check could not say: who knows; it demands: vague must hold; invariant no-friday is violated: it is Friday"
    And exactly this is told
      | event                | invariant_id | reason                            |
      | invariant.reconciled | -            | -                                 |
      | invariant.violated   | vague        | its check could not say: who knows |
      | invariant.violated   | no-friday    | it is Friday                      |
    And plan "mend" is queued in action

  Scenario: Of another plan the root of the plan that runs now is not told
    Given plan "mend" queued in action
    When the invariants of plan "paint" of "greeter" are reconciled inside plan "mend"
    Then exactly this is told
      | event                | cause        | plan_id | root_plan_id |
      | invariant.reconciled | plan.created | paint   | -            |
    When the invariants of plan "mend" of "greeter" are reconciled inside plan "mend"
    Then exactly this is told
      | event                | cause        | plan_id | root_plan_id |
      | invariant.reconciled | plan.created | mend    | mend         |

  Scenario: A plan that has more projects than it names cannot be told which invariants are its
    Given these invariants
      | id        | scope   | of     |
      | no-friday | project | parser |
    And plan "mend" for 65 projects
    When plan "mend" advances
    Then it is refused: "cannot tell which invariants hold for plan mend: 1 of its projects are not named"
    And nothing is told

  Scenario: An invariant of one phase does not stop another
    Given plan "mend" complete in strategize
    And these invariants
      | id        | scope  | of    | check                 |
      | no-friday | action | apply | says no: it is Friday |
    When plan "mend" advances
    Then it is done
    And exactly this is told
      | event                | effective | to      |
      | invariant.reconciled | 0         | -       |
      | plan.phase_changed   | -         | execute |

  Scenario: A weaker invariant that lost stops nobody
    Given plan "mend" queued in action
    And these invariants
      | id    | scope  | of   | key     | check                 |
      | every | global | -    | weekday | says no: it is Friday |
      | mine  | plan   | mend | weekday | holds                 |
    When plan "mend" advances
    Then it is done
    And exactly this is told
      | event                | invariant_id | overridden |
      | invariant.reconciled | -            | 1          |
      | invariant.enforced   | mine         | -          |
      | plan.phase_changed   | -            | -          |

  Scenario Outline: What cannot be added is refused
    Given these invariants
      | id   | scope           | of | key     |
      | firm | non-overridable | -  | secrets |
    When this invariant is added
      | id   | scope   | of   | key   |
      | <id> | <scope> | <of> | <key> |
    Then it is refused: "<reason>"
    And nothing is told

    Examples:
      | id   | scope           | of | key     | reason                                                                                       |
      | firm | global          | -  | -       | cannot add invariant firm: there is one already                                              |
      | more | non-overridable | -  | secrets | cannot add another non-overridable invariant of key secrets: invariant firm is one           |
      | none | global          | -  | -       | cannot take that id                                                                          |
      | more | plan            | -  | -       | cannot take that plan id                                                                     |
      | more | action          | -  | -       | cannot take that action                                                                      |
      | more | project         | -  | -       | cannot take that project name                                                                |

  Scenario: Only a global invariant can be marked non-overridable
    When an invariant of plan "mend" is added that nothing overrides
    Then it is refused: "cannot add a non-overridable invariant for plan mend: only a global one can be that"
    And nothing is told

  Scenario: An invariant is added untold
    When this invariant is added
      | id   | scope  | of | key |
      | more | global | -  | -   |
    Then it is done
    And nothing is told

  Scenario: An id is not given away again
    Given these invariants
      | id   | scope  | of |
      | past | global | -  |
    When invariant "past" is removed
    And this invariant is added
      | id   | scope  | of | key |
      | past | global | -  | -   |
    Then it is refused: "cannot add invariant past: there is one already"
    And nothing is told

  Scenario: An invariant is removed once
    Given these invariants
      | id   | scope  | of |
      | past | global | -  |
    When invariant "past" is removed
    Then it is done
    When invariant "past" is removed
    Then it is refused: "cannot remove invariant past: it was removed"
    And nothing is told
    When invariant "none" is removed
    Then it is refused: "no invariant none"
    And nothing is told

  Scenario: Nothing is told for a plan that no event could name
    When the invariants of plan "" of "greeter" are enforced
    Then it is refused: "cannot take that plan id"
    And nothing is told
    When the invariants of plan "" of "greeter" are reconciled
    Then it is refused: "cannot take that plan id"
    And nothing is told
    When the invariants of plan "mend" of "" are reconciled
    Then it is refused: "cannot take that project name"
    And nothing is told

  Scenario: Invariants go on from a snapshot, and lack their checks until they are given them
    Given these invariants
      | id        | scope  | of   | check |
      | no-friday | plan   | mend | holds |
      | be-kind   | global | -    | -     |
    When the invariants go on from a snapshot
    Then it is done
    And nothing is told
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | invariant_id | reason                                                |
      | invariant.reconciled | -            | -                                                     |
      | invariant.violated   | no-friday    | its check is missing since it was read from a snapshot |
    When invariant "no-friday" is given its check
    Then nothing is told
    When the invariants of plan "mend" of "greeter" are enforced
    Then exactly this is told
      | event                | invariant_id |
      | invariant.reconciled | -            |
      | invariant.enforced   | no-friday    |
    When invariant "be-kind" is given its check
    Then it is refused: "cannot give invariant be-kind a check: it lacks none"

  Scenario: A snapshot of another version is refused
    When the invariants go on from a snapshot of version 2
    Then it is refused: "the snapshot has version 2; this build reads version 1"
