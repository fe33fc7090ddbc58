Feature: Validations
  Checks decide whether a plan may be applied; who cannot say counts as a no. A run is never refused: it ends in one of
  two events, whatever happens.

  Scenario: A run begins and passes
    Given these checks
      | name  | mode          | does          |
      | tests | required      | says yes      |
      | lint  | informational | says yes      |
      | style | informational | says no: ugly |
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | cause              | plan_id | run_id  |
      | validation.started | -                  | mend    | the run |
      | validation.passed  | validation.started | mend    | the run |
    And validation.started says
      | run_id        | the run |
      | required      | 1       |
      | informational | 2       |
      | attempt       | 1       |
    And validation.passed says
      | run_id               | the run |
      | passed               | 2       |
      | informational_failed | 1       |
      | duration_ms          | *       |

  Scenario: A required check says no
    Given these checks
      | name  | mode          | does           |
      | tests | required      | says no: one   |
      | build | required      | says no: two   |
      | lint  | required      | says yes       |
      | style | informational | says no: three |
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | cause              | plan_id | run_id  |
      | validation.started | -                  | mend    | the run |
      | validation.failed  | validation.started | mend    | the run |
    And validation.failed says
      | run_id      | the run      |
      | failed      | tests, build |
      | errored     |              |
      | passed      | 1            |
      | duration_ms | *            |

  Scenario Outline: A check that could not say counts as a required no, whatever its mode
    Given these checks
      | name  | mode     | does     |
      | tests | required | says yes |
      | odd   | <mode>   | <does>   |
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | cause              | failed | errored | passed |
      | validation.started | -                  | -      | -       | -      |
      | validation.failed  | validation.started |        | odd     | 1      |
    And "odd" could not say: "<why>"

    Examples:
      | mode          | does                          | why                                       |
      | required      | errors: the ruler is lost     | the ruler is lost                         |
      | informational | errors: the ruler is lost     | the ruler is lost                         |
      | required      | panics: at the disco          | it panicked: at the disco                 |
      | informational | panics: at the disco          | it panicked: at the disco                 |
      | required      | hangs                         | it took longer than 0 s                   |
      | informational | hangs                         | it took longer than 0 s                   |
      | required      | runs no-such-program-anywhere | cannot run no-such-program-anywhere       |
      | informational | runs no-such-program-anywhere | cannot run no-such-program-anywhere       |
      | informational | runs                          | the command is empty                      |

  Scenario Outline: A command says yes or no by its status
    Given these checks
      | name  | mode     | does   |
      | there | required | <does> |
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | cause              | failed   | passed   |
      | validation.started | -                  | -        | -        |
      | <event>            | validation.started | <failed> | <passed> |

    Examples:
      | does               | event             | failed | passed |
      | runs test -f a.txt | validation.passed | -      | 1      |
      | runs test -f b.txt | validation.failed | there  | 0      |

  Scenario: A command without a sandbox could not say
    Given these checks
      | name  | mode          | does      |
      | there | informational | runs true |
    When the checks are run without a sandbox
    Then exactly this is told
      | event              | cause              | plan_id | errored |
      | validation.started | -                  | -       | -       |
      | validation.failed  | validation.started | -       | there   |

  Scenario: Where nothing is checked nothing fails
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | required | informational | passed | informational_failed |
      | validation.started | 0        | 0             | -      | -                    |
      | validation.passed  | -        | -             | 0      | 0                    |

  Scenario: A run inside a plan is caused by what runs there
    Given these checks
      | name  | mode     | does     |
      | tests | required | says yes |
    And plan "mend" was opened in the tree of "whole" and session "s-1"
    When the checks of plan "mend" are run
    Then exactly this is told
      | event              | cause              | plan_id | root_plan_id | session_id |
      | validation.started | plan.created       | mend    | whole        | s-1        |
      | validation.passed  | validation.started | mend    | whole        | s-1        |
    When the checks of plan "other" are run
    Then exactly this is told
      | event              | cause              | plan_id | root_plan_id |
      | validation.started | plan.created       | other   | -            |
      | validation.passed  | validation.started | other   | -            |

  Scenario: A run that is cancelled fails: what was not done could not say
    Given these checks
      | name  | mode          | does     |
      | tests | required      | says yes |
      | lint  | informational | says yes |
    When the checks of plan "mend" are run, and that is cancelled
    Then exactly this is told
      | event              | cause              | plan_id | errored     | passed |
      | validation.started | -                  | mend    | -           | -      |
      | validation.failed  | validation.started | mend    | tests, lint | 0      |
    And "tests" could not say: "it was cancelled"

  Scenario: A run whose caller goes away fails
    Given these checks
      | name  | mode          | does          |
      | tests | informational | never answers |
    When the checks of plan "mend" are run, and nobody waits for them
    Then exactly this is told
      | event              | cause              | plan_id | errored |
      | validation.started | -                  | mend    | -       |
      | validation.failed  | validation.started | mend    | tests   |

  Scenario Outline: A fix loop runs again until it passes, at most three times
    Given these checks
      | name  | mode     | does                  |
      | tests | required | says yes after <after> |
    When the checks of plan "mend" are run and fixed, at most <most> times
    Then <runs> runs are told, of which the last <ends>

    Examples:
      | after | most | runs | ends   |
      | 0     | 3    | 1    | passed |
      | 1     | 3    | 2    | passed |
      | 2     | 3    | 3    | passed |
      | 3     | 3    | 3    | failed |
      | 3     | 9    | 3    | failed |
      | 2     | 2    | 2    | failed |
      | 1     | 1    | 1    | failed |

  Scenario: Each run of a fix loop is told as an attempt of its own
    Given these checks
      | name  | mode     | does             |
      | tests | required | says yes after 1 |
    When the checks of plan "mend" are run and fixed, at most 3 times
    Then exactly this is told
      | event              | cause              | plan_id | attempt | failed | passed | run_id  |
      | validation.started | -                  | mend    | 1       | -      | -      | *       |
      | validation.failed  | validation.started | mend    | -       | tests  | 0      | *       |
      | validation.started | -                  | mend    | 2       | -      | -      | the run |
      | validation.passed  | validation.started | mend    | -       | -      | 1      | the run |

  Scenario: A fixer that gives up ends the loop
    Given these checks
      | name  | mode     | does             |
      | tests | required | says yes after 1 |
    And a fixer that gives up
    When the checks of plan "mend" are run and fixed, at most 3 times
    Then 1 runs are told, of which the last failed
