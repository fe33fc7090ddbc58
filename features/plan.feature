Feature: Plans
  A plan walks through the phases action, strategize, execute, apply. Every change is told, every refusal changes
  nothing and tells nothing.

  Scenario: A plan is created
    When plan "mend" is created by "planner" for project "greeter" in session "s-1"
    Then exactly this is told
      | event        | cause | plan_id | root_plan_id | session_id | actor_name | project_name |
      | plan.created | -     | mend    | mend         | s-1        | planner    | greeter      |
    And plan.created says
      | revision       | 1       |
      | name           | mend    |
      | phase          | action  |
      | parent_plan_id | -       |
      | project_names  | greeter |
      | actor          | planner |
      | max_reversions | 3       |
    And plan "mend" is queued in action

  Scenario: A plan of an id that is taken is refused
    Given plan "mend" queued in action
    When plan "mend" is created
    Then it is refused: "cannot create plan mend: there is one already"
    And nothing is told

  Scenario: A plan without a name is refused
    When plan "" is created
    Then it is refused: "cannot create a plan with that name"
    And nothing is told

  Scenario: A name that is too long is cut, in the event as in the plan
    When plan "mend" is created with a name of 501 bytes
    Then it is done
    And the name of plan "mend" is that of its event, 500 bytes long

  Scenario: What a plan tells carries the correlation of the request that created it
    When plan "mend" is created in request "r-1"
    Then exactly this is told
      | event        | cause | plan_id | correlation_id |
      | plan.created | -     | mend    | r-1            |
    When "mend" advances
    Then exactly this is told
      | event              | cause        | plan_id | correlation_id |
      | plan.phase_changed | plan.created | mend    | r-1            |
    When "mend" spawns plan "part"
    Then exactly this is told
      | event        | cause        | plan_id | root_plan_id | correlation_id |
      | plan.created | plan.created | part    | mend         | r-1            |

  Scenario: A child belongs to the session of its parent
    Given plan "mend" is created by "planner" for project "greeter" in session "s-1"
    When "mend" spawns plan "part"
    Then exactly this is told
      | event        | cause        | plan_id | root_plan_id | session_id | parent_plan_id |
      | plan.created | plan.created | part    | mend         | s-1        | mend           |

  Scenario Outline: A plan that is finished has no more children
    Given plan "mend" <state> in <phase>
    When "mend" spawns plan "late"
    Then it is refused: "cannot spawn a child of plan mend: it is <state> in phase <phase>"
    And nothing is told

    Examples:
      | state     | phase      |
      | applied   | apply      |
      | cancelled | strategize |

  Scenario: Nobody has no children
    When "nobody" spawns plan "part"
    Then it is refused: "no plan nobody"
    And nothing is told

  Scenario: A child of an id that is taken is refused
    Given plan "mend" queued in action
    And plan "part" queued in action
    When "mend" spawns plan "part"
    Then it is refused: "cannot create plan part: there is one already"
    And nothing is told

  Scenario: A child is spawned in the tree of its parent
    Given plan "mend" queued in action
    When "mend" spawns plan "part"
    Then exactly this is told
      | event        | cause        | plan_id | root_plan_id | parent_plan_id | revision |
      | plan.created | plan.created | part    | mend         | mend           | 1        |
    When "part" spawns plan "detail"
    Then exactly this is told
      | event        | cause        | plan_id | root_plan_id | parent_plan_id | revision |
      | plan.created | plan.created | detail  | mend         | part           | 1        |
    And the tree of "mend" is "mend, part, detail"

  Scenario Outline: A plan advances into the next phase, where it is queued
    Given plan "mend" <state> in <from>
    When "mend" advances
    Then exactly this is told
      | event              | cause        | plan_id | root_plan_id |
      | plan.phase_changed | plan.created | mend    | mend         |
    And plan.phase_changed says
      | revision        | <revision> |
      | from            | <from>     |
      | to              | <to>       |
      | reason          | -          |
      | reversion       | false      |
      | reversion_count | 0          |
    And plan "mend" is queued in <to>

    Examples:
      | state    | from       | to         | revision |
      | queued   | action     | strategize | 2        |
      | complete | strategize | execute    | 5        |
      | complete | execute    | apply      | 8        |

  Scenario Outline: A plan that is not complete does not advance
    Given plan "mend" <state> in <phase>
    When "mend" advances
    Then it is refused: "cannot advance plan mend: it is <state> in phase <phase>"
    And nothing is told

    Examples:
      | state       | phase      |
      | queued      | strategize |
      | processing  | strategize |
      | errored     | execute    |
      | constrained | apply      |
      | applied     | apply      |
      | cancelled   | action     |

  Scenario: A gate that refuses keeps a plan where it is
    Given a gate that refuses apply because "a test is missing"
    And plan "mend" complete in execute
    When "mend" advances
    Then it is refused: "cannot advance plan mend to apply: a test is missing"
    And nothing is told
    And plan "mend" is complete in execute

  Scenario: A refusal carries all reasons of the gate
    Given a gate that refuses apply because "a test is missing" and "it is Friday"
    And plan "mend" complete in execute
    When "mend" advances
    Then it is refused: "cannot advance plan mend to apply: a test is missing; it is Friday"
    And nothing is told

  Scenario Outline: The gate is asked before each phase that a plan advances into, and never before it goes back
    Given a gate that refuses <phase> because "it is closed"
    And plan "mend" <state> in <from>
    When "mend" advances
    Then it is refused: "cannot advance plan mend to <phase>: it is closed"
    And nothing is told

    Examples:
      | state    | from       | phase      |
      | queued   | action     | strategize |
      | complete | strategize | execute    |
      | complete | execute    | apply      |

  Scenario: The gate is not asked what the table does not have
    Given a gate that refuses apply because "it is closed"
    And plan "mend" processing in execute
    When "mend" advances
    Then it is refused: "cannot advance plan mend: it is processing in phase execute"
    And nothing is told

  Scenario: A plan that changed while the gate was asked stays as it is
    Given a gate that cancels the plan while it is asked about strategize
    And plan "mend" queued in action
    When "mend" advances
    Then it is refused: "it went from revision 1 to 3 while the gate was asked"
    And exactly this is told
      | event              |
      | plan.state_changed |
      | plan.cancelled     |

  Scenario: A plan that changed is not advanced from where it stands now, for which the gate was not asked
    Given plan "mend" complete in execute
    And a gate that leads the plan back to strategize, and to its end, while it is asked about apply
    When "mend" advances
    Then it is refused: "it went from revision 7 to 10 while the gate was asked"
    And exactly this is told
      | event              | revision | to         |
      | plan.phase_changed | 8        | strategize |
      | plan.state_changed | 9        | processing |
      | plan.state_changed | 10       | complete   |
    And plan "mend" is complete in strategize

  Scenario: A queued plan starts and completes its phase
    Given plan "mend" queued in strategize
    When "mend" starts
    Then exactly this is told
      | event              | cause        | plan_id | root_plan_id |
      | plan.state_changed | plan.created | mend    | mend         |
    And plan.state_changed says
      | revision | 3          |
      | phase    | strategize |
      | from     | queued     |
      | to       | processing |
      | reason   | -          |
    When "mend" completes
    Then exactly this is told
      | event              | revision | from       | to       |
      | plan.state_changed | 4        | processing | complete |

  Scenario: What runs in the scope of a plan is the cause of what happens
    Given plan "mend" queued in strategize
    When "mend" starts inside the scope of "mend"
    Then exactly this is told
      | event              | cause        | plan_id |
      | plan.state_changed | plan.created | mend    |

  Scenario Outline: A change of state that the table does not have is refused
    Given plan "mend" <state> in <phase>
    When "mend" <does>
    Then it is refused: "plan mend: it is <state> in phase <phase>"
    And nothing is told

    Examples:
      | state      | phase      | does                 |
      | queued     | action     | starts               |
      | queued     | action     | completes            |
      | queued     | action     | fails                |
      | queued     | action     | retries              |
      | queued     | action     | is applied           |
      | queued     | action     | is constrained       |
      | queued     | action     | reverts to action    |
      | queued     | action     | reverts to strategize |
      | processing | execute    | reverts to action    |
      | processing | execute    | reverts to execute   |
      | errored    | strategize | reverts to strategize |
      | errored    | execute    | starts               |
      | errored    | execute    | completes            |
      | errored    | execute    | fails                |
      | constrained | apply     | starts               |
      | constrained | apply     | completes            |
      | constrained | apply     | is applied           |
      | constrained | apply     | fails                |
      | constrained | apply     | is constrained       |
      | constrained | apply     | retries              |
      | constrained | apply     | reverts to action    |
      | applied    | apply      | reverts to execute   |
      | cancelled  | execute    | retries              |
      | processing | strategize | starts               |
      | queued     | strategize | completes            |
      | processing | apply      | completes            |
      | complete   | execute    | retries              |
      | queued     | execute    | fails                |
      | processing | execute    | is applied           |
      | queued     | apply      | is applied           |
      | processing | execute    | is constrained       |
      | queued     | execute    | reverts to strategize |
      | processing | strategize | reverts to action    |
      | processing | execute    | reverts to apply     |
      | applied    | apply      | is cancelled         |
      | cancelled  | strategize | is cancelled         |

  Scenario: A plan is applied
    Given plan "mend" processing in apply
    When "mend" is applied with 2 files, 10 lines added, 3 removed, 5 validations passed in 1500 ms
    Then exactly this is told
      | event              | cause        | plan_id | revision | from       | to      |
      | plan.state_changed | plan.created | mend    | 10       | processing | applied |
      | plan.applied       | plan.created | mend    | 11       | -          | -       |
    And plan.applied says
      | revision           | 11   |
      | project_names      |      |
      | files_changed      | 2    |
      | lines_added        | 10   |
      | lines_removed      | 3    |
      | validations_passed | 5    |
      | duration_ms        | 1500 |

  Scenario: A failed phase is told, and so is which attempt it was
    Given plan "mend" processing in execute
    When "mend" fails
    Then exactly this is told
      | event              | cause        | plan_id | revision | reason       |
      | plan.state_changed | plan.created | mend    | 7        | the disk is full |
      | plan.errored       | plan.created | mend    | 8        | -            |
    And plan.errored says
      | revision   | 8                |
      | phase      | execute          |
      | error      | the disk is full |
      | error_kind | transient        |
      | attempt    | 1                |
    When "mend" retries
    Then exactly this is told
      | event              | from    | to     |
      | plan.state_changed | errored | queued |
    When "mend" starts
    And "mend" fails
    Then exactly this is told
      | event              | attempt |
      | plan.state_changed | -       |
      | plan.errored       | 2       |

  Scenario: A constrained plan goes back
    Given plan "mend" processing in apply
    When "mend" is constrained
    Then exactly this is told
      | event              | from       | to          | reason         |
      | plan.state_changed | processing | constrained | tests are gone |
    When "mend" reverts to strategize
    Then exactly this is told
      | event              | from  | to         | reversion | reversion_count | reason     |
      | plan.phase_changed | apply | strategize | true      | 1               | once again |

  Scenario Outline: A plan goes back to an earlier phase, where it is queued
    Given plan "mend" <state> in <from>
    When "mend" reverts to <to>
    Then exactly this is told
      | event              | cause        | plan_id | root_plan_id |
      | plan.phase_changed | plan.created | mend    | mend         |
    And plan.phase_changed says
      | revision        | <revision> |
      | from            | <from>     |
      | to              | <to>       |
      | reason          | once again |
      | reversion       | true       |
      | reversion_count | 1          |
    And plan "mend" is queued in <to>

    Examples:
      | state       | from    | to         | revision |
      | processing  | execute | strategize | 7        |
      | complete    | execute | strategize | 8        |
      | errored     | execute | strategize | 9        |
      | processing  | apply   | strategize | 10       |
      | processing  | apply   | execute    | 10       |
      | errored     | apply   | strategize | 12       |
      | errored     | apply   | execute    | 12       |
      | constrained | apply   | strategize | 11       |
      | constrained | apply   | execute    | 11       |

  Scenario: A plan that may never go back does not
    Given plan "mend" processing in execute, that may go back 0 times
    When "mend" reverts to strategize
    Then it is refused: "cannot revert plan mend: it went back 0 times, as often as it may"
    And nothing is told
    And plan "mend" is processing in execute

  Scenario: A plan goes back at most as often as it may
    Given plan "mend" processing in execute, reverted 3 times
    When "mend" reverts to strategize
    Then it is refused: "cannot revert plan mend: it went back 3 times, as often as it may"
    And nothing is told

  Scenario: Cancelling takes the unfinished plans below along, the lowest first
    Given plan "mend" queued in action
    And "mend" has the child "part"
    And "part" has the child "detail"
    And "mend" has the child "done", already cancelled
    When "mend" is cancelled
    Then exactly this is told
      | event              | plan_id | root_plan_id | cause        | children_cancelled | reason       | to        |
      | plan.state_changed | detail  | mend         | plan.created | -                  | not worth it | cancelled |
      | plan.cancelled     | detail  | mend         | plan.created | 0                  | not worth it | -         |
      | plan.state_changed | part    | mend         | plan.created | -                  | not worth it | cancelled |
      | plan.cancelled     | part    | mend         | plan.created | 1                  | not worth it | -         |
      | plan.state_changed | mend    | mend         | plan.created | -                  | not worth it | cancelled |
      | plan.cancelled     | mend    | mend         | plan.created | 2                  | not worth it | -         |
    When "mend" spawns plan "late"
    Then it is refused: "cannot spawn a child of plan mend: it is cancelled in phase action"
    And nothing is told

  Scenario: Cancelling a child leaves its parent as it is
    Given plan "mend" queued in action
    And "mend" has the child "part"
    And "mend" has the child "other"
    When "part" is cancelled
    Then exactly this is told
      | event              | plan_id | root_plan_id | children_cancelled |
      | plan.state_changed | part    | mend         | -                  |
      | plan.cancelled     | part    | mend         | 0                  |
    And plan "mend" is queued in action
    And plan "other" is queued in action

  Scenario: Cancelling says what it ended
    Given plan "mend" errored in execute
    When "mend" is cancelled
    Then plan.cancelled says
      | revision           | 10            |
      | reason             | not worth it  |
      | phase              | execute       |
      | state              | errored       |
      | children_cancelled | 0             |

  Scenario: A plan that nobody knows is refused
    When "nobody" starts
    Then it is refused: "no plan nobody"
    And nothing is told

  Scenario: A plan that stands still is signalled, one that is finished is not
    Given plan "done" cancelled in action
    And plan "mend" processing in strategize
    Then after 59 seconds without an event a watchdog of 60 seconds signals ""
    And after 61 seconds without an event a watchdog of 60 seconds signals "mend"
