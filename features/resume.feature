Feature: A run that is killed goes on
  A run of the tour saves how far it comes. Killed, it goes on from its newest checkpoint with the plan, the decisions and
  the memories that it had.

  Scenario: While a scout is out
    Given the tour, in which answer 1 of "rewriter.json" has it wait
    When it is run, and killed there
    Then a checkpoint in "strategize" is active
    When it is gone on with
    Then it is applied, with the plan that it began with
    And no scout is asked but "agents/rewriter"
    And what "agents/reader" found out is known: "The index lacks 02-february"
    And no decision stands twice

  Scenario: In an attempt
    Given the tour, in which answer 8 of "keeper.json" has it wait
    When it is run, and killed there
    Then a checkpoint in "execute" is active
    When it is gone on with
    Then it is applied, with the plan that it began with
    And no scout is asked
    And the plan is told to have failed: "the process that led it was killed"
    And no decision stands twice

  Scenario: Twice, and once more behind the end
    Given the tour, in which answer 1 of "rewriter.json" has it wait
    When it is run, and killed there
    And it is gone on with, and killed there
    And it is gone on with
    Then it is applied, with the plan that it began with
    And no decision stands twice
    When it is gone on with
    Then it is refused: "there is no active checkpoint of the session"

  Scenario: As another task
    Given the tour, in which answer 1 of "rewriter.json" has it wait
    When it is run, and killed there
    And the task is changed
    And it is gone on with
    Then it is refused: "the run was of another task"
    And a checkpoint in "strategize" is active

  Scenario: Given up by hand
    Given the tour, in which answer 1 of "rewriter.json" has it wait
    When it is run, and killed there
    And its checkpoint is abandoned
    Then it is said that "agentbus checkpoint sweep" sees to what is left
    And something of it is kept
    When what runs left is swept
    Then nothing of it is kept
