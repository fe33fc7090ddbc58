Feature: Memories
  What an agent, or its successor, is to know later, by key.

  Background:
    Given an empty folder of memories

  Scenario: A memory is set and known
    When "agents/a" sets "deploy/target" to "The staging cluster."
    Then "deploy/target" is "The staging cluster.", revision 1, by "agents/a"
    And it is told "memory.set"
    And what is told says "deploy/target" and not "staging"

  Scenario: A memory that is set again keeps what it was
    When "agents/a" sets "deploy/target" to "The staging cluster."
    And "agents/b" sets "deploy/target" to "Production."
    Then "deploy/target" is "Production.", revision 2, by "agents/b"
    And the history of "deploy/target" is "Production.; The staging cluster."

  Scenario: The oldest revisions are dropped and counted
    When "agents/a" sets "counter" to its number 40 times
    Then the history of "counter" has 32 revisions, and 8 were dropped
    And "counter" is "40", revision 40, by "agents/a"

  Scenario: Memories are listed by key, prefix and author
    When "agents/a" sets "deploy/target" to "Production."
    And "agents/b" sets "deploy/window" to "Sunday."
    And "agents/a" sets "build" to "cargo test"
    Then the list is "build, deploy/target, deploy/window"
    And the list of those that begin with "deploy/" is "deploy/target, deploy/window"
    And the list of those by "agents/a" is "build, deploy/target"

  Scenario: Keys and summaries are searched, in whatever case, the newest first
    When "agents/a" sets "deploy/target" to "PRODUCTION, since the review."
    And "agents/a" sets "production/window" to "Sunday."
    And "agents/a" sets "build" to "cargo test"
    Then a search for "Production" finds "production/window, deploy/target"
    And a search for "review." finds "deploy/target"
    When "agents/a" sets "path" to "Στοά ΟΔΟΣ, Hauptstraße, İSTANBUL"
    Then a search for "οδός" finds ""
    And a search for "οδος" finds "path"
    And a search for "οδοσ" finds "path"
    And a search for "HAUPTSTRASSE" finds "path"
    And a search for "istanbul" finds "path"
    And a search for "nothing" finds ""

  Scenario: What was deleted is gone, and its history with it
    When "agents/a" sets "deploy/target" to "The staging cluster."
    And "agents/a" sets "deploy/target" to "Production."
    And "deploy/target" is deleted
    Then it is told "memory.deleted"
    And 2 revisions are gone
    When "deploy/target" is asked for
    Then it is refused as "not_found": "there is no memory of that key"
    When "deploy/target" is deleted
    Then it is refused as "not_found": "there is no memory of that key"
    And nothing is told

  Scenario Outline: What cannot be kept is refused, and nothing is told
    When "agents/a" sets "<key>" to "<summary>"
    Then it is refused as "<kind>": "<reason>"
    And nothing is told
    And the list is ""

    Examples:
      | key         | summary                        | kind    | reason                         |
      |             | x                              | invalid | the key cannot be used         |
      | k           |                                | invalid | the summary cannot be used     |
      | k           | postgres://app:hunter2@db/main | secret  | holds what looks like a secret |
      | db/password | hunter2                        | secret  | holds what looks like a secret |

  Scenario: A summary that is too long is refused
    When "agents/a" sets "k" to 8193 bytes
    Then it is refused as "too_large": "at most 8192"

  Scenario: A damaged memory is named, left as it is, and takes no other along
    When "agents/a" sets "deploy/target" to "Production."
    And "agents/a" sets "build" to "cargo test"
    And the file of "deploy/target" is damaged
    And "agents/a" sets "deploy/target" to "new"
    Then it is refused as "corrupt": "mend it by hand, or move it elsewhere"
    And the list is "build", and one is damaged
    And the file of "deploy/target" is as it was damaged
    When the file of "deploy/target" is moved elsewhere
    And "agents/a" sets "deploy/target" to "new"
    Then "deploy/target" is "new", revision 1, by "agents/a"
