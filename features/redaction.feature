Feature: Redaction
  No secret that the redactor knows leaves the process. Subscribers inside it see events as they were emitted.

  Scenario Outline: Secrets are masked by key and by looks
    When <json> is redacted
    Then what is left is <left>

    Examples:
      | json                                                     | left                                      |
      | {"password":"hunter2","user":"ann"}                      | {"password":"[redacted]","user":"ann"}    |
      | {"apiKey":"k","tokens":7}                                | {"apiKey":"[redacted]","tokens":7}        |
      | {"note":"ghp_0123456789abcdefghijABCDEFGHIJ012345"}      | {"note":"[redacted]"}                     |
      | {"url":"https://ann:hunter2@example.org/"}               | {"url":"https://ann:[redacted]@example.org/"} |
      | {"n":1.50e1,"plain":"text"}                              | {"n":1.50e1,"plain":"text"}               |

  Scenario: The log does not tell what a handler does hear
    Given a logging bus
    And a handler "second" of ""
    When a tool fails with "no access with ghp_0123456789abcdefghijABCDEFGHIJ012345"
    Then the log does not hold "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    And the log holds "[redacted]"
    And the handler was told "no access with ghp_0123456789abcdefghijABCDEFGHIJ012345"

  Scenario: What a panic says is masked too
    Given a handler "broken" of "" that panics with "key ghp_0123456789abcdefghijABCDEFGHIJ012345"
    When session.created is emitted
    Then the log does not hold "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    And the log holds "event_handler_failed"
