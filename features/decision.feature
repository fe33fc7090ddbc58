Feature: Decisions
  The tree of what was decided in a plan, and why. Nothing is removed: what does not hold any more is superseded.

  Background:
    Given the decisions of plan "mend"
      | id     | under | type                  |
      | what   |       | prompt_definition     |
      | how    | what  | strategy_choice       |
      | tool   | how   | tool_choice           |
      | detail | tool  | implementation_choice |
      | other  | what  | strategy_choice       |

  Scenario: A decision is recorded with what it was chosen from
    When "part" is recorded under "how", instead of "wait, guess", with confidence 0.75
    Then exactly this is told
      | event            | cause | plan_id | root_plan_id |
      | decision.created | -     | mend    | mend         |
    And decision.created says
      | revision      | 6             |
      | decision_id   | part          |
      | decision_type | subplan_spawn |
      | sequence      | 5             |
      | parent_id     | how           |
      | question      | what next?    |
      | choice        | part          |
      | alternatives  | wait, guess   |
      | confidence    | 0.75          |

  Scenario Outline: A decision is of a known type, or of another that is told by its name
    When "part" of type "<type>" is recorded under "how"
    Then exactly this is told
      | event            | decision_id | decision_type | parent_id | sequence | revision |
      | decision.created | part        | <type>        | how       | 5        | 6        |

    Examples:
      | type                  |
      | strategy_choice       |
      | implementation_choice |
      | subplan_spawn         |
      | invariant_enforced    |
      | tool_choice           |
      | user_intervention     |
      | house_rule            |

  Scenario: A decision of an id that is taken is refused
    When "tool" is recorded under "how"
    Then it is refused: "cannot record decision tool: there is one already"
    And nothing is told

  Scenario: A decision that follows from nobody is refused
    When "part" is recorded under "nobody"
    Then it is refused: "no decision nobody"
    And nothing is told

  Scenario: The parent of a decision is in its own plan
    Given the decisions of plan "paint"
      | id     | under | type              |
      | colour |       | prompt_definition |
    When "part" is recorded under "colour"
    Then it is refused: "cannot relate a decision of plan mend to decision colour: that is of plan paint"
    And nothing is told
    When "how" is superseded by "colour"
    Then it is refused: "cannot relate a decision of plan mend to decision colour: that is of plan paint"
    And nothing is told

  Scenario: The decisions of each plan are counted by themselves
    Given the decisions of plan "paint"
      | id     | under | type              |
      | colour |       | prompt_definition |
    When "colour" is approved by "ann"
    Then exactly this is told
      | event             | plan_id | revision | decision_id |
      | decision.approved | paint   | 2        | colour      |

  Scenario: The first decision of a plan is its root, of type prompt_definition
    When "first" of type "tool_choice" is recorded in plan "empty"
    Then it is refused: "cannot record a decision of type tool_choice in plan empty without a parent"
    And nothing is told
    When "first" of type "prompt_definition" is recorded in plan "empty"
    Then exactly this is told
      | event            | cause | plan_id | revision | sequence | parent_id |
      | decision.created | -     | empty   | 1        | 0        | -         |

  Scenario: A plan has one root
    When "second" of type "prompt_definition" is recorded in plan "mend"
    Then it is refused: "cannot record another prompt_definition in plan mend: its root is decision what"
    And nothing is told

  Scenario: A decision inside a plan is caused by what runs there
    Given the plan "mend" was opened
    When "part" is recorded under "how" inside the plan
    Then exactly this is told
      | event            | cause        | plan_id | root_plan_id | session_id |
      | decision.created | plan.created | mend    | mend         | s-1        |

  Scenario: A decision is approved
    When "how" is approved by "ann"
    Then exactly this is told
      | event             | cause | plan_id | root_plan_id |
      | decision.approved | -     | mend    | mend         |
    And decision.approved says
      | revision    | 6   |
      | decision_id | how |
      | approved_by | ann |

  Scenario: A decision is approved again, and the last approval is kept
    When "how" is approved by "ann"
    And "how" is approved by "policy"
    Then exactly this is told
      | event             | revision | decision_id | approved_by |
      | decision.approved | 7        | how         | policy      |
    And "how" stands approved by "policy"

  Scenario: Nobody does not approve
    When "how" is approved by ""
    Then it is refused: "cannot take that approver"
    And nothing is told

  Scenario: A revert puts the guidance in the place of a decision and all that followed from it
    When "how" is corrected by revert: "ask first"
    Then exactly this is told
      | event               | cause            | revision | decision_id | superseded_by | cascade |
      | decision.created    | -                | 6        | guidance    | -             | -       |
      | decision.superseded | decision.created | 7        | how         | guidance      | false   |
      | decision.superseded | decision.created | 8        | tool        | guidance      | true    |
      | decision.superseded | decision.created | 9        | detail      | guidance      | true    |
      | decision.corrected  | decision.created | 10       | how         | -             | -       |
    And decision.created says
      | revision      | 6                 |
      | decision_id   | guidance          |
      | decision_type | user_intervention |
      | sequence      | 5                 |
      | parent_id     | what              |
      | question      | what next?        |
      | choice        | ask first         |
      | alternatives  |                   |
    And decision.corrected says
      | revision         | 10        |
      | decision_id      | how       |
      | corrected_by_id  | guidance  |
      | mode             | revert    |
      | guidance         | ask first |
      | superseded_count | 3         |

  Scenario: What fell before does not fall again
    Given "tool" was superseded
    When "how" is corrected by revert: "ask first"
    Then exactly this is told
      | event               | cause            | revision | decision_id | superseded_by | cascade | superseded_count |
      | decision.created    | -                | 8        | guidance    | -             | -       | -                |
      | decision.superseded | decision.created | 9        | how         | guidance      | false   | -                |
      | decision.corrected  | decision.created | 10       | how         | -             | -       | 1                |

  Scenario: What was corrected is corrected again
    Given "how" was corrected by append: "and quickly"
    When "how" is corrected by append: "and quietly"
    Then exactly this is told
      | event              | cause            | revision | decision_id | mode   | guidance    | superseded_count |
      | decision.created   | -                | 8        | guidance    | -      | -           | -                |
      | decision.corrected | decision.created | 9        | how         | append | and quietly | 0                |

  Scenario: A correction inside a plan is caused by what runs there
    Given the plan "mend" was opened
    When "detail" is corrected by revert inside the plan: "by hand"
    Then exactly this is told
      | event               | cause            | plan_id | root_plan_id | session_id |
      | decision.created    | plan.created     | mend    | mend         | s-1        |
      | decision.superseded | decision.created | mend    | mend         | s-1        |
      | decision.corrected  | decision.created | mend    | mend         | s-1        |

  Scenario: An append puts the guidance below a decision, and nothing falls
    When "what" is corrected by append: "and be polite"
    Then exactly this is told
      | event              | cause            | decision_id | parent_id | superseded_count |
      | decision.created   | -                | guidance    | what      | -                |
      | decision.corrected | decision.created | what        | -         | 0                |

  Scenario: The root cannot be reverted
    When "what" is corrected by revert: "something else"
    Then it is refused: "cannot revert decision what: it is the root of its plan and can only be appended to"
    And nothing is told

  Scenario: The root cannot be superseded
    When "what" is superseded
    Then it is refused: "cannot supersede decision what: it is the root of its plan"
    And nothing is told

  Scenario: A decision falls with all that followed from it
    When "tool" is superseded by "other"
    Then exactly this is told
      | event               | cause | plan_id | revision | decision_id | superseded_by | cascade |
      | decision.superseded | -     | mend    | 6        | tool        | other         | false   |
      | decision.superseded | -     | mend    | 7        | detail      | other         | true    |

  Scenario: A decision falls without a successor
    When "detail" is superseded
    Then decision.superseded says
      | revision      | 6      |
      | decision_id   | detail |
      | superseded_by | -      |
      | cascade       | false  |

  Scenario: A decision does not take its own place
    When "how" is superseded by "how"
    Then it is refused: "cannot supersede decision how by how, which would fall with it"
    And nothing is told

  Scenario: What is superseded takes nobody's place
    Given "other" was superseded
    When "how" is superseded by "other"
    Then it is refused: "cannot supersede another by decision other: it is superseded"
    And nothing is told

  Scenario: A decision is not superseded by one that falls with it
    When "how" is superseded by "detail"
    Then it is refused: "cannot supersede decision how by detail, which would fall with it"
    And nothing is told

  Scenario Outline: What is superseded stays as it is
    Given "how" was superseded
    When "<id>" <does>
    Then it is refused: "decision <id>: it is superseded"
    And nothing is told

    Examples:
      | id     | does                            |
      | how    | is approved by "ann"            |
      | detail | is approved by "ann"            |
      | tool   | is corrected by revert: "no"    |
      | tool   | is corrected by append: "no"    |
      | how    | is superseded                   |
      | detail | is superseded                   |

  Scenario: Nothing is recorded under what is superseded
    Given "how" was superseded
    When "late" is recorded under "detail"
    Then it is refused: "cannot record a decision under decision detail: it is superseded"
    And nothing is told

  Scenario: The tree is read from its root and to it
    Then the decisions are "what, how, tool, detail, other" in the tree
    And the path of "detail" is "detail, tool, how, what"

  Scenario Outline: A decision that nobody knows is refused
    When "nobody" <does>
    Then it is refused: "no decision nobody"
    And nothing is told

    Examples:
      | does                         |
      | is approved by "ann"         |
      | is corrected by append: "no" |
      | is corrected by revert: "no" |
      | is superseded                |
