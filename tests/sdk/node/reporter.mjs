// One line for each test; what went wrong right below it.

const OWN = /\/([\w.]+\.mjs):(\d+):\d+/;

export default async function* reporter(source) {
  const started = Date.now();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) {
      continue;
    }
    const seconds = (data.details.duration_ms / 1_000).toFixed(2).padStart(6);
    if (data.skip !== undefined) {
      // A test that a pattern leaves out is skipped without words.
      if (typeof data.skip === 'string' && data.skip && !data.skip.startsWith('test name does not match')) {
        counts.skipped += 1;
        yield `SKIPPED: node    ${data.name}: ${data.skip}\n`;
      }
    } else if (type === 'test:pass') {
      counts.passed += 1;
      yield `passed ${seconds} s  node    ${data.name}\n`;
    } else {
      counts.failed += 1;
      const cause = data.details.error?.cause ?? data.details.error;
      const place = String(cause?.stack ?? '').split('\n').map((line) => OWN.exec(line)).find((found) => found && found[1] !== 'support.mjs');
      const words = `${place ? `${place[1]}:${place[2]}: ` : ''}${cause?.name ?? ''}: ${cause?.message ?? cause}`;
      yield `FAILED ${seconds} s  node    ${data.name}\n    ${words.trim().replaceAll('\n', '\n    ')}\n`;
    }
  }
  const run = counts.passed + counts.failed + counts.skipped;
  if (run === 0) {
    process.exitCode = 1;
  }
  const took = ((Date.now() - started) / 1_000).toFixed(1);
  yield `node: ${run} run, ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, ${took} s\n`;
}
