Feature: Validations
  Checks decide whether a plan may be applied; who cannot say counts as a no.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"

  Scenario: Every required check passes
    Given a required check "there" that runs "test -f a.txt"
    And an informational check "missing" that runs "test -f b.txt"
    When the checks are run
    Then "validation.started" is emitted for plan "plan-7" with "required" being 1
    And "validation.passed" is emitted for plan "plan-7" with "informational_failed" being 1
    And "validation.passed" is caused by "validation.started"
    And "validation.failed" is emitted 0 times

  Scenario: A required check says no
    Given a required check "missing" that runs "test -f b.txt"
    When the checks are run
    Then "validation.failed" is emitted for plan "plan-7" with "failed" being "missing"
    And "validation.failed" is caused by "validation.started"
    And "validation.passed" is emitted 0 times

  Scenario: An informational check that cannot say counts all the same
    Given an informational check "broken" that runs "no-such-program-anywhere"
    When the checks are run
    Then "validation.failed" is emitted for plan "plan-7" with "errored" being "broken"
