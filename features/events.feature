Feature: Events
  What is well formed but not known to this build is kept as it was written. What is no event is refused, and the
  refusal names the key.

  Scenario Outline: What this build does not know is kept
    When an event with <key> <value> and details <details> is read
    Then it is written back with <key> <value> and details <details>
    And it is of kind "<kind>"

    Examples:
      | key          | value             | details                            | kind            |
      | "event_type" | "session.created" | {"imported":true}                  | session.created |
      | "event_type" | "session.created" | {"imported":true,"lang":"de"}      | session.created |
      | "event_type" | "plan.merged"     | {"into":[1,2.50,{"deep":null}]}    | unknown         |
      | "event_type" | "plan.merged"     | 1.50e1                             | unknown         |

  Scenario Outline: What is no event is refused
    When an event with <key> <value> and details <details> is read
    Then it is refused: <why>

    Examples:
      | key          | value             | details                    | why                              |
      | "event_type" | "Plan Merged"     | {}                         | "`event_type`"                   |
      | "event_type" | "session.created" | {}                         | "missing field `imported`"       |
      | "event_type" | "session.created" | {"imported":1}             | "`imported`: invalid type"       |
      | "event_type" | "session.created" | 7                          | "`details`: invalid type"        |
      | "event_type" | "session.created" | {"a":1,"a":2}              | "duplicate field `a`"            |

  Scenario: An invented name declares nothing
    When an event with "event_type" "features.invented" and details {} is read
    Then "features.invented" is not a declared kind
    When the kind "features.invented" is declared
    And an event with "event_type" "features.invented" and details {} is read
    Then it is of kind "features.invented"

  Scenario Outline: An id from outside is refused if it cannot be one
    When an event of a plan called <plan> is read
    Then it is refused: <why>

    Examples:
      | plan            | why                              |
      | nothing         | "must not be empty"              |
      | a bell          | "must not hold control"          |
      | a megabyte of x | "must have at most 256 bytes"    |
