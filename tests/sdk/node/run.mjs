// Runs the judges against a running simulator and tells each by its name: node run.mjs URL [part of a name…]. With
// `--platform PLATFORM_URL` it runs those that compare what a platform made there.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(import.meta.url);
const here = path.dirname(own);
const [url, ...rest] = process.argv.slice(2);
const platform = rest[0] === '--platform' ? rest[1] : undefined;

if (!url || (platform && !process.env.BEZANT_API_KEY)) {
  console.error('node run.mjs URL [part of a name…]\nBEZANT_API_KEY=… node run.mjs URL --platform PLATFORM_URL');
  process.exit(2);
}
if (process.env.BEZANT_JUDGE_RUN === 'inner') {
  // One process and one test after the other: they share the simulator's clock.
  const { agent } = await import('./support.mjs');
  // Idle connections would keep this process alive for as long as the simulator keeps them.
  after(() => agent.destroy());
  if (platform) {
    const { default: compare } = await import('./platform_objects.mjs');
    await compare();
  } else {
    for (const file of readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort()) {
      await import(path.join(here, file));
    }
  }
} else {
  const environment = { ...process.env, BEZANT_JUDGE_RUN: 'inner', BEZANT_SIMULATOR_URL: url, BEZANT_URL: platform ?? '' };
  const pattern = (platform ? [] : rest).map((part) => `(?=.*${part.replace(/[^\w ]/g, '.')})`).join('');
  const options = ['--test-reporter', path.join(here, 'reporter.mjs'), '--test-reporter-destination', 'stdout'];
  const chosen = pattern ? [`--test-name-pattern=/^${pattern}/`] : [];
  const words = [...options, ...chosen, own, url, ...(platform ? ['--platform', platform] : [])];
  const { status } = spawnSync(process.execPath, words, { stdio: 'inherit', env: environment });
  process.exit(status ?? 1);
}
