"""Runs the judges against a running simulator and tells each by its name: python run.py URL [part of a name…]."""

import os
import pathlib
import sys
import time
import traceback
import unittest

# Sources stay free of what is made of them.
sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent


def sentence(test):
    """A test's subject and name in words."""
    subject = pathlib.Path(sys.modules[type(test).__module__].__file__).stem.removeprefix("test_")
    name = getattr(test, "_testMethodName", str(test)).removeprefix("test_")
    return f"{subject}: {name}".replace("_", " ")


class Lines(unittest.TestResult):
    """One line for each test; what went wrong right below it."""

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.wrong = []

    def stopTest(self, test):
        super().stopTest(test)
        outcome = "FAILED" if self.wrong else "passed"
        if not (self.skipped and self.skipped[-1][0] is test):
            print(f"{outcome} {time.monotonic() - self.started:6.2f} s  python  {sentence(test)}", flush=True)
        for text in self.wrong:
            print("    " + text.strip().replace("\n", "\n    "), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self._wrong(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._wrong(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._wrong(test, err, subtest._subDescription() + " ")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED: python  {sentence(test)}: {reason}", flush=True)

    def _wrong(self, test, err, what=""):
        kind, error, trace = err
        own = [frame for frame in traceback.extract_tb(trace) if pathlib.Path(frame.filename).parent == HERE]
        place = f"{pathlib.Path(own[-1].filename).name}:{own[-1].lineno}: {own[-1].line}\n" if own else ""
        if own and own[-1].name in ("refused", "assert_typed") and len(own) > 1:
            place = f"{pathlib.Path(own[-2].filename).name}:{own[-2].lineno}: {own[-2].line}\n"
        text = f"{what}{place}{kind.__name__}: {error}"
        if isinstance(test, unittest.TestCase):
            self.wrong.append(text)
        else:
            # What a class of tests needs is not there.
            print(f"FAILED   0.00 s  python  {test}\n    {text}", flush=True)


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def run(tests, url):
    """Runs tests against the simulator at an address; gives the exit code."""
    os.environ["BEZANT_SIMULATOR_URL"] = url
    result, started = Lines(), time.monotonic()
    unittest.TestSuite(tests).run(result)
    failed = len({getattr(test, "test_case", test) for test, _ in result.failures + result.errors})
    passed = result.testsRun - failed - len(result.skipped)
    took = time.monotonic() - started
    print(f"python: {result.testsRun} run, {passed} passed, {failed} failed, {len(result.skipped)} skipped, {took:.1f} s")
    return 0 if result.testsRun and not failed else 1


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    tests = flat(unittest.TestLoader().discover(str(HERE), pattern="test_*.py"))
    return run([test for test in tests if all(part.replace("_", " ") in sentence(test) for part in arguments[1:])], arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
