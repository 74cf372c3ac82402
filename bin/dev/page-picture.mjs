/**
 * `npm run picture`, second part: writes what the page of `tmq broker --web` shows of a few messages to man/page.png.
 * Times and ports are replaced, so that the same program gives the same picture.
 */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {connectAsync} from 'mqtt';
import {chromium} from 'playwright-core';

const root = join(import.meta.dirname, '..', '..');
const path = join(process.argv[2] ?? join(root, 'man'), 'page.png');

/** A day in a house, told by its devices. @param {import('mqtt').MqttClient} client */
async function tell(client) {
  await client.publishAsync('home/heating/mode', 'eco', {retain: true, qos: 1});
  await client.publishAsync('home/heating/boiler', 'on', {retain: true, qos: 1});
  for (let minute = 0; minute < 6; minute++) {
    const value = (20.4 + minute / 10).toFixed(1);
    const reading = `{"celsius": ${value}, "humidity": ${44 - minute}, "battery": {"volts": 2.97, "low": false}}`;
    await client.publishAsync('home/kitchen/climate', reading, {
      qos: 1,
      properties: {contentType: 'application/json', userProperties: {device: 'th-17'}},
    });
    await client.publishAsync('home/cellar/pump/rpm', String(1450 + minute * 3));
    await client.publishAsync('home/meter/power', `{"watts": ${312 + minute * 7}}`);
    if (minute % 3 === 0) await client.publishAsync('home/hall/motion', 'detected');
  }
  await client.publishAsync('home/kitchen/lamp/set', 'on', {qos: 2});
  await client.publishAsync('home/kitchen/lamp', 'on', {retain: true, qos: 1});
}

/** In the page: a clock that goes on by a few milliseconds each time it is asked. */
const clock = `{
  let now = Date.UTC(2026, 10, 30, 12, 0, 0);
  Date.now = () => (now += 137);
}`;

const words = ['broker', '-p', '0', '--web', '0', '--quiet', '--ready', 'json'];
const broker = spawn(process.execPath, [join(root, 'bin', 'tmq.js'), ...words], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const [line] = await once(broker.stdout, 'data');
  const {url, web} = JSON.parse(String(line));
  const page = await browser.newPage({
    viewport: {width: 1200, height: 620},
    colorScheme: 'light',
    timezoneId: 'UTC',
  });
  await page.addInitScript(clock);
  await page.goto(web);
  await page.getByText('Connected', {exact: true}).waitFor();
  const client = await connectAsync(url, {protocolVersion: 5, clientId: 'house'});
  await tell(client);
  await page.getByRole('option').filter({hasText: 'climate'}).first().click();
  for (const rate of [/^[1-9]\d*\/s/, /^0\/s/]) await page.getByText(rate).waitFor();
  await page.locator('.urls').evaluate((/** @type {{textContent: string | null}} */ element) => {
    element.textContent = 'mqtt://127.0.0.1:1883';
  });
  await page.mouse.move(0, 0);
  await page.screenshot({path});
  await client.endAsync();
} finally {
  await browser.close();
  broker.kill();
}
