Feature: Restoring
  Plans and decisions come back from the journal alone: as they stood at its end, or at any place in it. What cannot be
  known is told, and nothing is made up.

  Scenario: A plan goes on where it stood when the process ended
    Given plan "mend" processing in strategize
    When the process ends and the services are restored
    Then everything is restored
    And plan "mend" is processing in strategize
    And nothing is told
    When "mend" completes
    Then exactly this is told
      | event              | cause        | plan_id | root_plan_id | revision |
      | plan.state_changed | plan.created | mend    | mend         | 4        |

  Scenario: A tree is a tree again
    Given plan "mend" queued in action
    And "mend" has the child "part"
    And "part" has the child "detail"
    When the process ends and the services are restored
    Then the tree of "mend" is "mend, part, detail"
    When "mend" is cancelled
    Then exactly this is told
      | event              | plan_id | children_cancelled |
      | plan.state_changed | detail  | -                  |
      | plan.cancelled     | detail  | 0                  |
      | plan.state_changed | part    | -                  |
      | plan.cancelled     | part    | 1                  |
      | plan.state_changed | mend    | -                  |
      | plan.cancelled     | mend    | 2                  |

  Scenario: What was cancelled stays cancelled
    Given plan "mend" queued in action
    When "mend" is cancelled
    And the process ends and the services are restored
    And "mend" spawns plan "part"
    Then it is refused: "cannot spawn a child of plan mend: it is cancelled in phase action"
    And nothing is told

  Scenario Outline: A plan as it was at an earlier place
    Given plan "mend" processing in strategize
    Then at position <position> plan "mend" is <state> in <phase>

    Examples:
      | position | state      | phase      |
      | 1        | queued     | action     |
      | 2        | queued     | strategize |
      | 3        | processing | strategize |
      | 9        | processing | strategize |

  Scenario: A plan with a hole is not restored, and the others are
    Given plan "mend" processing in strategize
    And plan "paint" queued in action
    When the line at position 2 is damaged
    And the process ends and the services are restored
    Then plan "mend" is broken: "its revision 2 is missing: revision 3, at position 3, is the next there is"
    And 1 line cannot be read
    And plan "paint" is queued in action
    When "mend" completes
    Then it is refused: "cannot use plan mend: it could not be restored from the journal; begin another"
    And nothing is told
    When plan "mend" is created
    Then it is refused: "cannot use plan mend"

  Scenario: A line of something else that cannot be read breaks no plan, and is told
    Given plan "mend" queued in action
    And a session is told of
    And "mend" has the child "part"
    When the line at position 2 is damaged
    And the process ends and the services are restored
    Then no plan is broken
    And 1 line cannot be read
    And the tree of "mend" is "mend, part"

  Scenario: A plan that did what it cannot do is not restored
    Given plan "mend" processing in strategize
    And somebody else tells that "mend" is applied, as its revision 4
    When the process ends and the services are restored
    Then plan "mend" is broken: "its revision 4, at position 4, contradicts the others: nothing leads there"

  Scenario: An event that was recorded twice counts once
    Given plan "mend" processing in strategize
    And the event at position 3 is recorded once more
    When the process ends and the services are restored
    Then everything is restored
    And plan "mend" is processing in strategize

  Scenario: A secret in a text comes back masked
    Given plan "mend" queued in action
    When "mend" is cancelled for "no route to postgres://app:hunter2@db"
    And the process ends and the services are restored
    Then plan "mend" was cancelled for "no route to postgres://app:[redacted]@db"

  Scenario: Decisions go on where they stood
    Given "goal" is recorded as the root of plan "mend"
    And "way" is recorded under "goal"
    And "step" is recorded under "way"
    And "way" is superseded
    When the process ends and the services are restored
    Then everything is restored
    And the decisions of plan "mend" are "goal, way (superseded), step (superseded)"
    When "goal" is approved by "ada"
    Then exactly this is told
      | event             | plan_id | revision | approved_by |
      | decision.approved | mend    | 6        | ada         |
