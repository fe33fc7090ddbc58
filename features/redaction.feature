Feature: Redaction
  No secret that the redactor knows leaves the process. Subscribers inside it see events as they were emitted.
  Where a mask is written as [redacted], any tag may stand in it.

  Scenario Outline: Secrets are masked by key and by looks
    When <json> is redacted
    Then what is left is <left>

    Examples:
      | json                                                     | left                                      |
      | {"password":"hunter2","user":"ann"}                      | {"password":"[redacted]","user":"ann"}    |
      | {"apiKey":"k","tokens":7}                                | {"apiKey":"[redacted]","tokens":7}        |
      | {"auth":"a","author":"ann","pass":"p","passed":"yes"}    | {"auth":"[redacted]","author":"ann","pass":"[redacted]","passed":"yes"} |
      | {"tokens":["t",7],"input_tokens":"9","db-connection-str":"c"} | {"tokens":["[redacted]",7],"input_tokens":"9","db-connection-str":"[redacted]"} |
      | {"note":"ghp_0123456789abcdefghijABCDEFGHIJ012345"}      | {"note":"[redacted]"}                     |
      | {"url":"https://ann:hunter2@example.org/"}               | {"url":"https://ann:[redacted]@example.org/"} |
      | {"n":1.50e1,"plain":"text"}                              | {"n":1.50e1,"plain":"text"}               |

  Scenario: Equal secrets have equal tags, whatever rule found them
    When {"password":"hunter2","url":"https://ann:hunter2@example.org/","token":"other"} is redacted
    Then masks 1 and 2 are the same
    And masks 1 and 3 differ

  Scenario: Under a key of its own a program gives the tags that another gave
    Given a redactor whose tags are made under key 7
    When {"password":"hunter2"} is redacted
    Then what is left, with its tags, is {"password":"[redacted:b9724048f733]"}

  Scenario: Masking what is masked changes nothing
    When {"password":"hunter2","url":"https://ann:hunter2@example.org/"} is redacted
    And what is left is redacted again
    Then nothing more was masked

  Scenario Outline: A program chooses paths
    Given a redactor with the path <path>
    When {"patient":[{"diagnosis":"flu","age":47,"well":false},{"diagnosis":"cold"}],"ward":{"a.b":"3"}} is redacted
    Then what is left is <left>

    Examples:
      | path                  | left |
      | patient.*.diagnosis   | {"patient":[{"diagnosis":"[redacted]","age":47,"well":false},{"diagnosis":"[redacted]"}],"ward":{"a.b":"3"}} |
      | patient.0             | {"patient":[{"diagnosis":"[redacted]","age":"[redacted]","well":false},{"diagnosis":"cold"}],"ward":{"a.b":"3"}} |
      | ward."a.b"            | {"patient":[{"diagnosis":"flu","age":47,"well":false},{"diagnosis":"cold"}],"ward":{"a.b":"[redacted]"}} |
      | patient.diagnosis     | {"patient":[{"diagnosis":"flu","age":47,"well":false},{"diagnosis":"cold"}],"ward":{"a.b":"3"}} |

  Scenario Outline: A path that cannot be read is refused with the place of the fault
    Given a redactor with the path <path>
    Then it is refused: "<why>"

    Examples:
      | path          | why                                       |
      | details..text | at byte 8: a name                         |
      | details.a b   | at byte 9: ' ' cannot stand there         |
      | session_id    | at byte 0: no event could be read without |

  Scenario: A long text is cut and says how much is gone
    Given a redactor that cuts texts to 80 bytes
    When {"output":"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"} is redacted
    Then what is left is {"output":"01234567890123456789012345678901234567890123… (56 more bytes)"}

  Scenario Outline: A secret that stands in several texts is masked in each
    When <json> is redacted
    Then what is left is <left>

    Examples:
      | json                                                            | left                                            |
      | {"argv":["curl","-H","Authorization: Bearer","abcdefghijklmnop"]} | {"argv":["curl","-H","Authorization: Bearer","[redacted]"]} |
      | {"argv":["--token=ghp_","abcdefghijABCDEFGHIJ012345","-v"]}     | {"argv":["--token=[redacted]","[redacted]","-v"]} |
      | {"argv":["--password","correct horse","now"]}                   | {"argv":["--password","[redacted]","now"]}      |
      | {"out":["-----BEGIN PRIVATE KEY-----","MIIE","-----END PRIVATE KEY-----","ok"]} | {"out":["[redacted]","[redacted]","[redacted]","ok"]} |
      | {"a":"Bearer","b":"abcdefghijklmnop"}                           | {"a":"Bearer","b":"abcdefghijklmnop"}           |

  Scenario: Each rule counts what it masked
    When {"password":"hunter2","apiKey":"k","url":"https://ann:hunter2@example.org/","n":7} is redacted
    Then rule "key" masked 2 times
    And rule "url_password" masked 1 times
    And rule "path" masked 0 times

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
