/** A page in a browser on our broker: MQTT.js's browser build in Chromium, over ws and wss. */
// needs: openssl, chromium

import assert from 'node:assert/strict';
import {createHash, X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {describe, it} from 'node:test';
import {transform} from 'esbuild';
import {expectedExercise} from '../support/exercise.ts';
import {startFourListeners} from '../support/four-listeners.ts';
import {start} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
const schemes = ['ws', 'wss'] as const;
const versions = [4, 5] as const;

/** The page's script: it runs every exercise, then posts the results. */
const pageScript = `
import {exercise} from '/exercise.js';
const tell = (body) => fetch('/result', {method: 'POST', body: JSON.stringify(body)});
try {
  const plans = await (await fetch('/plans')).json();
  tell(await Promise.all(plans.map((plan) => exercise(mqtt.connectAsync, plan))));
} catch (error) {
  tell(String(error?.stack ?? error));
}
`;

/** A web server for one page, and what the page posts to it. */
async function servePage(plans: readonly unknown[]) {
  const source = await readFile(join(root, 'test', 'support', 'exercise.ts'), 'utf8');
  const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
    '/': [
      'text/html',
      '<!doctype html><script src="/mqtt.js"></script><script type="module" src="/page.js"></script>',
    ],
    '/mqtt.js': [
      'text/javascript',
      await readFile(join(root, 'node_modules', 'mqtt', 'dist', 'mqtt.min.js'), 'utf8'),
    ],
    '/exercise.js': ['text/javascript', (await transform(source, {loader: 'ts', format: 'esm'})).code],
    '/page.js': ['text/javascript', pageScript],
    '/plans': ['application/json', JSON.stringify(plans)],
  };
  let told: (result: unknown) => void = () => undefined;
  const result = new Promise<unknown>((resolve) => {
    told = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      void text(request).then((body) => {
        response.end();
        told(JSON.parse(body));
      });
      return;
    }
    const [type, body] = files[request.url ?? ''] ?? [];
    response.writeHead(body === undefined ? 404 : 200, {'content-type': type ?? 'text/plain'}).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    result,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts Chromium on a page, trusting the key of one certificate besides those it knows. */
function browse(url: string, profile: string, certificate: string) {
  const key = new X509Certificate(certificate).publicKey.export({type: 'spki', format: 'der'});
  return start(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--disable-dev-shm-usage', `--user-data-dir=${profile}`, '--remote-debugging-port=0'],
      `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`,
      url,
    ],
    {timeoutMilliseconds: 60_000, env: {HOME: profile, DBUS_SESSION_BUS_ADDRESS: 'disabled:'}},
  );
}

describe('a page in Chromium', () => {
  it('ws and wss, 3.1.1 and 5: every QoS, retained messages, a will', async () => {
    await using broker = await startFourListeners();
    const plans = schemes.flatMap((scheme) =>
      versions.map((protocolVersion) => ({
        url: broker.url(scheme),
        name: `${scheme}-${protocolVersion}`,
        client: {protocolVersion},
      })),
    );
    using page = await servePage(plans);
    const profile = await mkdtemp(join(tmpdir(), 'tmq-chromium-'));
    try {
      const browser = browse(page.url, profile, await readFile(broker.certificate, 'utf8'));
      const ended = browser.finished.then(({stderr}) => `Chromium ended: ${stderr}`);
      const result = await Promise.race([page.result, ended]);
      await browser.stop();
      const expected = plans.map(({name, client}) => expectedExercise(name, client.protocolVersion));
      assert.deepEqual(result, expected);
    } finally {
      await rm(profile, {recursive: true, force: true, maxRetries: 5});
    }
  });
});
