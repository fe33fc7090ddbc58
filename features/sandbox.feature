Feature: Sandboxes
  A plan writes in a copy of the project; what it wrote gets into the project whole, or not at all.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"

  Scenario: A sandbox is made
    Then "sandbox.created" is emitted for plan "plan-7" with "strategy" being "copy"
    And "sandbox.created" has "files" being 1

  Scenario: A strategy that this build does not have is refused
    When a sandbox of strategy "in_place" is asked for
    Then it is refused because "not supported by this build"
    And "sandbox.created" is emitted 1 times

  Scenario: A commit brings the changes to the project
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is committed
    Then the project has "a.txt" holding "two"
    And "sandbox.committed" is emitted for plan "plan-7" with "files_changed" being 1
    And "sandbox.committed" is caused by "sandbox.created"

  Scenario: A commit over a change in the project is refused
    When "a.txt" is written as "two" in the sandbox
    And "a.txt" is written as "three" in the project
    And the sandbox is committed
    Then it is refused because "a.txt (changed)"
    And the project has "a.txt" holding "three"
    And "sandbox.committed" is emitted 0 times

  Scenario: A rollback undoes the changes
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is rolled back because "it was wrong"
    Then "sandbox.rolled_back" is emitted for plan "plan-7" with "reason" being "it was wrong"
    And "sandbox.rolled_back" has "files_reverted" being 1
    And "sandbox.rolled_back" is caused by "sandbox.created"

  Scenario: A rollback of nothing is refused
    When the sandbox is rolled back because "it was wrong"
    Then it is refused because "nothing was written in it"
    And "sandbox.rolled_back" is emitted 0 times

  Scenario: A checkpoint is made and gone back to
    When "a.txt" is written as "two" in the sandbox
    And a checkpoint is made because "so far so good"
    And "a.txt" is written as "three" in the sandbox
    And the checkpoint is restored
    And the sandbox is committed
    Then the project has "a.txt" holding "two"
    And "checkpoint.created" is emitted for plan "plan-7" with "reason" being "so far so good"
    And "checkpoint.created" has "new_bytes" being 3
    And "checkpoint.restored" is emitted for plan "plan-7" with "files_restored" being 1
    And "checkpoint.created" is caused by "sandbox.created"
    And "checkpoint.restored" is caused by "sandbox.created"

  Scenario: A checkpoint that is not there and one of a committed sandbox are refused
    When a checkpoint that is not there is restored
    Then it is refused because "has no checkpoint"
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is committed
    And a checkpoint is made because "too late"
    Then it is refused because "while it is committed"
    And "checkpoint.created" is emitted 0 times
    And "checkpoint.restored" is emitted 0 times
