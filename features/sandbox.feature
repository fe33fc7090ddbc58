Feature: Sandboxes
  A plan writes where the project is not touched; what it wrote gets into the project whole, or not at all.

  Scenario Outline: A sandbox is made
    Given a project of git with "a.txt" holding "one"
    When a sandbox of strategy "<strategy>" is asked for by plan "plan-7"
    Then exactly this is told
      | event           | cause | plan_id |
      | sandbox.created | -     | plan-7  |
    And sandbox.created says
      | sandbox_id  | it         |
      | strategy    | <strategy> |
      | files       | 1          |
      | bytes       | 3          |
      | duration_ms | *          |
    And the sandbox is created
    And the sandbox has "a.txt" holding "one"

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |
      | in_place     |

  Scenario: A sandbox of what is not there is refused
    When a sandbox of a project that is not there is asked for
    Then it is refused: "cannot find"
    And nothing is told

  Scenario: A worktree of a project that is none of git is refused
    Given a project with "a.txt" holding "one"
    When a sandbox of strategy "git_worktree" is asked for by plan "plan-7"
    Then it is refused: "not in a git repository"
    And nothing is told

  Scenario: A second sandbox that works in the same project in place is refused
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "in_place" of it
    When a sandbox of strategy "in_place" is asked for by plan "plan-8"
    Then it is refused: "another sandbox works in it"
    And nothing is told

  Scenario: The first write makes a sandbox active, which nothing tells
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When "a.txt" is written as "two" in the sandbox
    Then the sandbox is active
    And nothing is told
    And the project has "a.txt" holding "one"

  Scenario Outline: A commit brings the changes to the project
    Given a project of git with "a.txt" holding "one"
    And a sandbox of strategy "<strategy>" of it
    When "a.txt" is written as "two" in the sandbox
    And "b.txt" is written as "new" in the sandbox
    And the sandbox is committed
    Then exactly this is told
      | event             | cause           | plan_id |
      | sandbox.committed | sandbox.created | plan-7  |
    And sandbox.committed says
      | sandbox_id    | it  |
      | files_added   | 1   |
      | files_changed | 1   |
      | files_removed | 0   |
      | lines_added   | 2   |
      | lines_removed | 1   |
      | duration_ms   | *   |
    And the project has "a.txt" holding "two"
    And the sandbox is committed now

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |
      | in_place     |

  Scenario Outline: A commit over a change in the project is refused
    Given a project of git with "a.txt" holding "one"
    And a sandbox of strategy "<strategy>" of it
    When "a.txt" is written as "two" in the sandbox
    And "a.txt" is written as "three" in the project
    And the sandbox is committed
    Then it is refused: "a.txt (changed)"
    And nothing is told
    And the project has "a.txt" holding "three"
    And the sandbox is active

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |

  Scenario: What the project has not committed is not in a worktree, and stands in its way
    Given a project of git with "a.txt" holding "one"
    And "a.txt" is written as "not committed" in the project
    And a sandbox of strategy "git_worktree" of it
    Then the sandbox has "a.txt" holding "one"
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is committed
    Then it is refused: "a.txt (changed)"
    And nothing is told

  Scenario: A commit of nothing is refused
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When the sandbox is committed
    Then it is refused: "nothing was written in it"
    And nothing is told

  Scenario: A commit to a project in which somebody works in place is refused
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    And a sandbox of strategy "in_place" of it beside
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is committed
    Then it is refused: "another sandbox works in it"
    And nothing is told

  Scenario Outline: A rollback undoes the changes
    Given a project of git with "a.txt" holding "one"
    And a sandbox of strategy "<strategy>" of it
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is rolled back because "it was wrong"
    Then exactly this is told
      | event               | cause           | plan_id |
      | sandbox.rolled_back | sandbox.created | plan-7  |
    And sandbox.rolled_back says
      | sandbox_id     | it           |
      | reason         | it was wrong |
      | files_reverted | 1            |
    And the sandbox has "a.txt" holding "one"
    And the project has "a.txt" holding "one"
    And the sandbox is rolled back now
    When "a.txt" is written as "again" in the sandbox
    Then the sandbox is active

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |
      | in_place     |

  Scenario: A rollback of nothing is refused
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When the sandbox is rolled back because "it was wrong"
    Then it is refused: "nothing was written in it"
    And nothing is told

  Scenario Outline: A checkpoint is made and gone back to
    Given a project of git with "a.txt" holding "one"
    And a sandbox of strategy "<strategy>" of it
    When "a.txt" is written as "two" in the sandbox
    And checkpoint "good" is made because "so far so good"
    Then exactly this is told
      | event              | cause           | plan_id |
      | checkpoint.created | sandbox.created | plan-7  |
    And checkpoint.created says
      | checkpoint_id | good           |
      | sandbox_id    | it             |
      | reason        | so far so good |
      | files         | 1              |
      | new_bytes     | 3              |
    When "a.txt" is written as "three" in the sandbox
    And "b.txt" is written as "new" in the sandbox
    And checkpoint "good" is restored
    Then exactly this is told
      | event               | cause           | plan_id |
      | checkpoint.restored | sandbox.created | plan-7  |
    And checkpoint.restored says
      | checkpoint_id  | good |
      | sandbox_id     | it   |
      | files_restored | 1    |
      | files_removed  | 1    |
    And the sandbox has "a.txt" holding "two"
    And the sandbox is active

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |
      | in_place     |

  Scenario: A second checkpoint of an unchanged tree costs nothing
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When "a.txt" is written as "two" in the sandbox
    And checkpoint "first" is made because "once"
    And checkpoint "second" is made because "twice"
    Then checkpoint.created says
      | checkpoint_id | second |
      | sandbox_id    | it     |
      | reason        | twice  |
      | files         | 1      |
      | new_bytes     | 0      |

  Scenario: A rollback goes back to a checkpoint
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When "a.txt" is written as "two" in the sandbox
    And checkpoint "good" is made because "so far so good"
    And "a.txt" is written as "three" in the sandbox
    And the sandbox is rolled back to checkpoint "good" because "too far"
    Then sandbox.rolled_back says
      | sandbox_id     | it      |
      | reason         | too far |
      | files_reverted | 1       |
      | to_checkpoint  | good    |
    And the sandbox has "a.txt" holding "two"

  Scenario: Pruning forgets the oldest checkpoints, which nothing tells
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When checkpoint "old" is made because "first"
    And checkpoint "new" is made because "second"
    And all checkpoints but the newest 1 are pruned
    Then it is done
    And nothing is told
    And the checkpoints are "new"
    When checkpoint "old" is restored
    Then it is refused: "has no checkpoint"
    And nothing is told

  Scenario: Nothing but closing and pruning is done to a committed sandbox
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When checkpoint "first" is made because "once"
    And "a.txt" is written as "two" in the sandbox
    And the sandbox is committed
    And the sandbox is committed
    Then it is refused: "while it is committed"
    And nothing is told
    When the sandbox is rolled back because "too late"
    Then it is refused: "while it is committed"
    And nothing is told
    When checkpoint "late" is made because "too late"
    Then it is refused: "while it is committed"
    And nothing is told
    When checkpoint "first" is restored
    Then it is refused: "while it is committed"
    And nothing is told
    When somebody asks to write in the sandbox
    Then it is refused: "while it is committed"
    When all checkpoints but the newest 0 are pruned
    Then it is done
    When the sandbox is closed
    Then it is done
    And nothing is told
    And the sandbox is closed now

  Scenario: An active sandbox is not closed
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When "a.txt" is written as "two" in the sandbox
    And the sandbox is closed
    Then it is refused: "commit it or roll it back first"
    And the sandbox is active

  Scenario: While somebody writes, nothing else is done
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    When somebody writes in the sandbox and has not ended
    And the sandbox is committed
    Then it is refused: "something else (write in) runs in it"
    When the sandbox is rolled back because "it takes too long"
    Then it is refused: "something else (write in) runs in it"
    When checkpoint "half" is made because "it takes too long"
    Then it is refused: "something else (write in) runs in it"
    And nothing is told

  Scenario Outline: A later process goes on with a sandbox
    Given a project of git with "a.txt" holding "one"
    And a sandbox of strategy "<strategy>" of it
    When "a.txt" is written as "two" in the sandbox
    And checkpoint "good" is made because "so far so good"
    And "a.txt" is written as "three" in the sandbox
    And the sandboxes are opened again
    Then nothing is told
    And the sandbox is active
    And the checkpoints are "good"
    When checkpoint "good" is restored
    Then exactly this is told
      | event               | cause           | plan_id |
      | checkpoint.restored | sandbox.created | plan-7  |
    When the sandbox is committed
    Then exactly this is told
      | event             | cause           | plan_id |
      | sandbox.committed | sandbox.created | plan-7  |
    And the project has "a.txt" holding "two"

    Examples:
      | strategy     |
      | copy         |
      | git_worktree |
      | in_place     |

  Scenario: A commit that was killed once it was prepared is finished and told by the next process
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "copy" of it
    And 300 more files are written in the sandbox
    When a process that commits the sandbox is killed once its commit log is there
    And the sandboxes are opened again
    Then exactly this is told
      | event             | cause           | plan_id |
      | sandbox.committed | sandbox.created | plan-7  |
    And the project has all 300 files
    And the sandbox is committed now

  Scenario: A process that works in place is killed, and the next one undoes what it did
    Given a project with "a.txt" holding "one"
    And a sandbox of strategy "in_place" of it
    When "a.txt" is written as "two" in the sandbox
    And the sandboxes are opened again
    Then the project has "a.txt" holding "two"
    When the sandbox is rolled back because "it was killed"
    Then exactly this is told
      | event               | cause           | plan_id |
      | sandbox.rolled_back | sandbox.created | plan-7  |
    And the project has "a.txt" holding "one"
