/** The page of `tmq broker --web` in Chromium: what a person does with it, clicked and typed. */
// needs: chromium

import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {connect, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, it} from 'node:test';
import {generate} from 'mqtt-packet';
import type {Locator, Page} from 'playwright-core';
import {startBrowser, type TestBrowser} from '../support/browser.ts';
import {runTmq} from '../support/tmq.ts';
import {nextClose, nextMessage, nextPacket, startWebBroker} from '../support/web-broker.ts';

/** Waits until the element has this text, in part. */
async function shows(place: Locator, text: string | RegExp): Promise<void> {
  await place.filter({hasText: text}).first().waitFor();
}

const connected = (page: Page) => page.getByText('Connected', {exact: true}).waitFor();
const tab = (page: Page, name: string) => page.getByRole('tab', {name, exact: true});
const messages = (page: Page) => page.getByRole('listbox', {name: 'Messages'}).getByRole('option');
const topics = (page: Page) => page.getByRole('tree', {name: 'Topics'}).getByRole('treeitem');
const payload = (page: Page) => page.locator('#payload pre');

/** A PUBLISH at QoS 0 in MQTT 3.1.1, of 200 bytes. */
const publishFrame = (topic: string) =>
  generate({cmd: 'publish', topic, payload: Buffer.alloc(200, 'x'), qos: 0, retain: false, dup: false});

/** A connected client that only sends, faster than a client that waits for each message to be sent. */
async function openPublisher(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    generate({
      cmd: 'connect',
      clientId: 'flood',
      protocolVersion: 4,
      protocolId: 'MQTT',
      clean: true,
      keepalive: 0,
    }),
  );
  await once(socket, 'data');
  return socket;
}

describe('the page of the broker', {concurrency: false}, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser[Symbol.asyncDispose]());

  it('shows topics and messages as they come, filters, searches and pauses', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    await client.publishAsync('house/kitchen/light', 'on', {retain: true});
    const {page, problems} = await browser.open(broker.page);
    await connected(page);
    await shows(messages(page), /house\/kitchen\/light.*etained.*on.*2 B/);
    await client.publishAsync('house/kitchen/temperature', '{"value": 20.50, "unit":"C"}', {qos: 1});
    await client.publishAsync('house/hall/door', 'closed', {qos: 2});
    await shows(topics(page), /house3/);
    await shows(messages(page), /door.*closed/);

    // A topic shows its last message, also the next one.
    await topics(page).filter({hasText: 'temperature'}).click();
    await shows(payload(page), /^\{\n {2}"value": 20\.50,\n {2}"unit": "C"\n\}$/);
    await tab(page, 'Hex').click();
    await shows(payload(page), /^00000000 {2}7b 22 76 61 6c/);
    await tab(page, 'Text').click();
    await shows(payload(page), /^\{"value": 20\.50, "unit":"C"\}$/);
    await client.publishAsync('house/kitchen/temperature', '21');
    await shows(payload(page), /^21$/);

    const filter = page.getByLabel('Topic filter');
    await filter.fill('house/+/temperature');
    await messages(page).nth(2).waitFor({state: 'detached'});
    assert.equal(await messages(page).count(), 2);
    await filter.fill('house/#/x');
    await page.getByText('This is no topic filter').waitFor();
    await filter.fill('');
    await page.getByLabel('Search in topics and payloads').fill('CLOSED');
    await messages(page).nth(1).waitFor({state: 'detached'});
    await shows(messages(page), /house\/hall\/door/);
    await page.getByLabel('Search in topics and payloads').fill('');
    await messages(page).nth(3).waitFor();

    await page.getByRole('button', {name: 'Pause'}).click();
    await client.publishAsync('house/late', 'x');
    await page.getByText('Paused: 1 newer message.').waitFor();
    assert.equal(await messages(page).filter({hasText: 'house/late'}).count(), 0);
    await page.getByRole('button', {name: 'Continue'}).click();
    await shows(messages(page), /house\/late/);

    await page.getByLabel('Find topics').fill('door');
    await topics(page).filter({hasText: 'light'}).waitFor({state: 'detached'});
    assert.deepEqual(await topics(page).locator('.name').allTextContents(), ['house', 'hall', 'door']);
    assert.deepEqual(problems, []);
  });

  it('marks retained messages, and clears them', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    await client.publishAsync('state', 'kept', {retain: true, qos: 1});
    const {page} = await browser.open(broker.page);
    const mark = topics(page).locator('.badge.retained');
    await mark.waitFor();
    // A message without the flag changes nothing about the retained one.
    await client.publishAsync('state', 'not kept');
    await shows(topics(page), /not kept/);
    assert.equal(await mark.count(), 1);
    await topics(page).click();
    await page.getByRole('button', {name: 'Clear the retained message'}).click();
    await mark.waitFor({state: 'detached'});
    const late = await broker.connect();
    await late.subscribeAsync('#');
    const next = nextMessage(late);
    await client.publishAsync('after', '');
    assert.deepEqual(await next, ['after', '']);
  });

  it('publishes with QoS, retain and properties, and again from a message', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    await client.subscribeAsync('orders/#', {qos: 2, rap: true});
    const {page} = await browser.open(broker.page);
    await connected(page);
    await tab(page, 'Publish').click();
    const form = page.getByRole('form', {name: 'Publish'});
    await form.getByRole('button', {name: 'Publish'}).click();
    await form.getByText('The topic has at least one character').waitFor();
    await form.getByLabel('Topic', {exact: true}).fill('orders/1');
    await form.getByLabel('Payload').fill('{"n": 1}');
    await form.getByLabel('QoS').selectOption('2');
    await form.getByLabel('Retain').check();
    await form.getByText('Properties').click();
    await form.getByLabel('Content type').fill('application/json');
    await form.getByLabel('Response topic').fill('answers/1');
    await form.getByLabel('Correlation data').fill('c-1');
    await form.getByLabel('Message expiry').fill('600');
    for (const [index, value] of ['north', 'south'].entries()) {
      await form.getByRole('button', {name: 'Add a user property'}).click();
      await form.getByLabel(`User property ${index + 1}: name`).fill('site');
      await form.getByLabel('value', {exact: true}).nth(index).fill(value);
    }
    const received = nextPacket(client);
    await form.getByRole('button', {name: 'Publish'}).click();
    await form.getByText('orders/1, QoS 2, acknowledged by the broker.').waitFor();
    const [topic, bytes, packet] = await received;
    assert.deepEqual([topic, String(bytes), packet.qos, packet.retain], ['orders/1', '{"n": 1}', 2, true]);
    const {messageExpiryInterval = 0, correlationData, userProperties, ...rest} = packet.properties ?? {};
    assert.ok(messageExpiryInterval <= 600 && messageExpiryInterval > 500);
    assert.equal(String(correlationData), 'c-1');
    assert.deepEqual({...userProperties}, {site: ['north', 'south']});
    assert.deepEqual(rest, {contentType: 'application/json', responseTopic: 'answers/1'});

    await messages(page).filter({hasText: 'orders/1'}).click();
    await shows(page.locator('.facts'), /application\/json.*answers\/1.*c-1.*sitenorthsitesouth/);
    await page.getByRole('button', {name: 'Publish again…'}).click();
    await form.getByLabel('Topic', {exact: true}).fill('orders/2');
    const again = nextPacket(client);
    await form.getByLabel('Payload').press('Control+Enter');
    const [second, text, {properties}] = await again;
    assert.deepEqual([second, String(text)], ['orders/2', '{"n": 1}']);
    assert.deepEqual({...properties?.userProperties}, {site: ['north', 'south']});
  });

  it('shows the connected clients, and disconnects one', async () => {
    await using broker = await startWebBroker();
    const will = {topic: 'gone', payload: Buffer.from('bye'), qos: 1, retain: true} as const;
    const client = await broker.connect({clientId: 'sensor', keepalive: 77, username: 'ann', will});
    await client.subscribeAsync(['a/#', 'b/+'], {qos: 1});
    const {page} = await browser.open(broker.page);
    await connected(page);
    await tab(page, 'Clients').click();
    const card = page.getByRole('listitem').filter({hasText: 'sensor'}).first();
    await shows(card, /ann from 127\.0\.0\.1:\d+, MQTT 5, keep alive 77 s, clean start/);
    await shows(card, /a\/# QoS 1b\/\+ QoS 1Will: gone, 3 bytes, QoS 1, retained/);
    await shows(page.getByRole('listitem').filter({hasText: 'this page'}), /tmq-page-\w{8}/);
    const closed = nextClose(client);
    await page.getByRole('button', {name: 'Disconnect sensor'}).click();
    await closed;
    await card.waitFor({state: 'detached'});
  });

  it('switches faults on and off, which other clients feel', async () => {
    await using broker = await startWebBroker([
      '-p',
      '0',
      '--web',
      '0',
      '--fault',
      'drop publish out topic=a/#',
    ]);
    const client = await broker.connect();
    await client.subscribeAsync('#');
    const {page} = await browser.open(broker.page);
    await connected(page);
    await tab(page, 'Faults').click();
    const own = page.getByRole('checkbox', {name: 'drop publish out topic=a/#'});
    assert.ok(await own.isChecked());
    const rule = page.getByLabel('Rule, as in --fault');
    await rule.fill('drop nonsense');
    await page.getByRole('button', {name: 'Add', exact: true}).click();
    await page.getByText("'nonsense' means nothing in the fault 'drop nonsense'.").waitFor();
    await rule.fill('drop publish out topic=b/#');
    await page.getByRole('button', {name: 'Add', exact: true}).click();
    const added = page.getByRole('checkbox', {name: 'drop publish out topic=b/#'});
    await added.waitFor();

    /** What the client gets of three messages. */
    const arrives = async (run: string) => {
      const seen: string[] = [];
      const end = new Promise<void>((resolve) => {
        const listener = (topic: string) => {
          if (topic === `end/${run}`) {
            client.off('message', listener);
            resolve();
          } else seen.push(topic);
        };
        client.on('message', listener);
      });
      for (const topic of [`a/${run}`, `b/${run}`, `end/${run}`]) await client.publishAsync(topic, 'x');
      await end;
      // The page is spared.
      for (const topic of [`a/${run}`, `b/${run}`]) await shows(messages(page), topic);
      return seen;
    };
    assert.deepEqual(await arrives('1'), []);
    await own.click();
    await page.locator('input[type=checkbox]:not(:checked) + code').waitFor();
    assert.deepEqual(await arrives('2'), ['a/2']);
    await page.getByRole('button', {name: 'Remove the fault drop publish out topic=b/#'}).click();
    await added.waitFor({state: 'detached'});
    assert.deepEqual(await arrives('3'), ['a/3', 'b/3']);
    // Another page sees the same list.
    const {page: other} = await browser.open(broker.page);
    await tab(other, 'Faults').click();
    await other.getByText('drop publish out topic=a/#').waitFor();
    assert.equal(await other.getByRole('checkbox', {name: 'drop publish out topic=a/#'}).isChecked(), false);
  });

  it('asks for a user where the broker has users, and sees what that user may', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-page-'));
    try {
      const passwords = join(directory, 'passwords');
      await runTmq(['passwd', '-b', '-c', passwords, 'ann', 'secret ünd : mehr']);
      await runTmq(['passwd', '-b', passwords, 'bob', 'other']);
      await writeFile(join(directory, 'acl'), 'user ann\ntopic read open/#\nuser bob\ntopic readwrite #\n');
      const config = `listener 0 127.0.0.1\npassword_file ${passwords}\nacl_file ${join(directory, 'acl')}\n`;
      await writeFile(join(directory, 'mosquitto.conf'), config);
      await using broker = await startWebBroker(['-c', join(directory, 'mosquitto.conf'), '--web', '0']);
      const client = await broker.connect({username: 'bob', password: 'other'});
      const {page} = await browser.open(broker.page);
      await page.getByLabel('User name').fill('ann');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', {name: 'Log in'}).click();
      await page.getByText('The broker does not accept this user.').waitFor();
      await page.getByLabel('Password').fill('secret ünd : mehr');
      await page.getByLabel('Password').press('Enter');
      await connected(page);
      await client.publishAsync('secret/door', 'x');
      await client.publishAsync('open/door', 'y');
      await shows(messages(page), /open\/door/);
      assert.equal(await messages(page).filter({hasText: 'secret'}).count(), 0);
      await tab(page, 'Clients').click();
      await shows(page.getByRole('listitem').filter({hasText: 'this page'}), /ann from/);
      await tab(page, 'Publish').click();
      const form = page.getByRole('form', {name: 'Publish'});
      await form.getByLabel('Topic', {exact: true}).fill('open/door');
      await form.getByLabel('QoS').selectOption('1');
      await form.getByRole('button', {name: 'Publish'}).click();
      await form.getByText(/^Not published: .*[Nn]ot authorized/).waitFor();
      const stored = await page.evaluate('localStorage.length + sessionStorage.length');
      assert.deepEqual([stored, await page.context().cookies()], [0, []]);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });

  it('can be used by keyboard alone', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    await client.publishAsync('a/b/c', 'first', {retain: true});
    const {page} = await browser.open(broker.page);
    await connected(page);
    await shows(topics(page), 'first');
    const {keyboard} = page;
    const focused = () =>
      page.evaluate(`(() => {
        const element = document.activeElement;
        const label = element.closest('label')?.textContent ?? '';
        return element.getAttribute('aria-label') ?? (label || element.textContent?.trim());
      })()`);
    const tabTo = async (name: string) => {
      for (let count = 0; count < 40; count++) {
        await keyboard.press('Tab');
        if ((await focused()) === name) return;
      }
      assert.fail(`Tab does not come to ${name}`);
    };
    await tabTo('Topics');
    for (const key of ['ArrowDown', 'ArrowLeft']) await keyboard.press(key);
    await topics(page).nth(1).waitFor({state: 'detached'});
    await keyboard.press('ArrowRight');
    await topics(page).nth(2).waitFor();
    await keyboard.press('End');
    await shows(payload(page), 'first');
    const ring = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(ring, 'solid');
    await tabTo('Messages');
    await keyboard.press('Home');
    await shows(page.locator('.facts'), /Retained.*yes/);
    await tabTo('Details');
    await keyboard.press('ArrowRight');
    await tabTo('Topic');
    await keyboard.type('typed/topic');
    await keyboard.press('Tab');
    await keyboard.type('typed payload');
    await keyboard.press('Control+Enter');
    await shows(messages(page), /typed\/topic.*typed payload/);
  });

  it('shows hostile payloads and topics harmlessly', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    const {page, problems} = await browser.open(broker.page);
    await connected(page);
    const elements = () => page.evaluate('document.querySelectorAll("script, img, iframe, b").length');
    const before = await elements();
    const html = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>';
    await client.publishAsync('html/<b>bold', html);
    await shows(messages(page), html);
    await messages(page).filter({hasText: 'html/'}).click();
    await shows(payload(page), html);
    await shows(page.locator('.topic-name'), 'html/<b>bold');

    await client.publishAsync('escapes', '\u001b[31mred\u0007\u202egnitirw\u200b\u0000');
    await messages(page).filter({hasText: 'escapes'}).click();
    await shows(payload(page), '\\x1b[31mred\\x07\\u202egnitirw\\u200b\\x00');
    await client.publishAsync('bytes', Buffer.from([0x41, 0xff, 0xc3, 0x28, 0xf0, 0x9f, 0x98]));
    await messages(page).filter({hasText: 'bytes'}).click();
    await shows(payload(page), 'A\ufffd\ufffd(\ufffd');
    await page.getByText('It is not UTF-8').waitFor();
    await tab(page, 'JSON').click();
    await page.getByText('It is no JSON.').waitFor();
    await tab(page, 'Hex').click();
    await shows(payload(page), /^00000000 {2}41 ff c3 28 f0 9f 98 +A\.\.\(/);

    const large = Buffer.concat(
      [Buffer.from('{"begin": "'), randomBytes(2_500_000).toString('hex'), '"}'].map((part) =>
        Buffer.from(part),
      ),
    );
    await client.publishAsync('large', large, {qos: 1});
    await messages(page).filter({hasText: 'large'}).click();
    await tab(page, 'Text').click();
    await page.getByText('These are the first 65,536 bytes of 5,000,013 bytes.').waitFor();
    await shows(payload(page), /^\{"begin": "[0-9a-f]{65525}$/);
    await tab(page, 'JSON').click();
    await page.getByText('It is too long to be shown as JSON.').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', {name: 'Save'}).click(),
    ]);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(await readFile(await download.path())), digest(large));
    assert.deepEqual([await elements(), await page.title(), problems], [before, 'tmq broker', []]);
  });

  it('notices that the broker has gone, and connects again when it is back', async () => {
    const env = {TMQ_WEB_TOKEN: 'a-token-that-stays'};
    let port = 0;
    let web = '';
    {
      await using broker = await startWebBroker(undefined, env);
      await using _other = broker;
      port = Number(new URL(broker.url).port);
      web = new URL(broker.page).port;
      const {page} = await browser.open(broker.page);
      await connected(page);
      await broker.running.stop();
      await page.getByText(/Trying again|shuts down/).waitFor();
      const words = ['-p', String(port), '--web', web];
      await using again = await startWebBroker(words, env);
      await connected(page);
      const client = await again.connect();
      await client.publishAsync('back', 'again');
      await shows(messages(page), 'back');
      await again.running.stop();
      await using _stranger = await startWebBroker(words);
      await page.getByText('The broker has started anew').waitFor();
    }
  });

  it('fits into 400 dark and 1,600 light pixels', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    await client.publishAsync('a/long/topic/'.repeat(12), 'a long payload '.repeat(40), {retain: true});
    for (const [width, scheme] of [
      [400, 'dark'],
      [1600, 'light'],
    ] as const) {
      const {page, problems} = await browser.open(broker.page, {width, scheme});
      await connected(page);
      const names = ['Details', 'Publish', 'Clients', 'Faults'];
      for (const name of width < 1000 ? ['Topics', 'Messages', ...names] : names) {
        await tab(page, name).click();
        const [inside, all] = (await page.evaluate(
          '[document.documentElement.clientWidth, document.documentElement.scrollWidth]',
        )) as number[];
        assert.equal(all, inside, name);
      }
      const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const [red = 0] = (/\d+/.exec(ground) ?? []).map(Number);
      assert.equal(red < 128, scheme === 'dark', ground);
      if (width < 1000) await tab(page, 'Messages').click();
      await messages(page).first().click();
      await shows(payload(page), /^a long payload/);
      assert.equal(await tab(page, 'Details').getAttribute('aria-selected'), 'true');
      assert.deepEqual(problems, []);
      await page.context().close();
    }
  });

  it('answers while 1,000 messages a second come', async () => {
    await using broker = await startWebBroker();
    const client = await broker.connect();
    const {page} = await browser.open(broker.page);
    await connected(page);
    let sent = 0;
    const timer = setInterval(() => {
      for (let count = 0; count < 50; count++)
        client.publish(`load/${sent % 200}/value`, `message ${sent++}`);
    }, 50);
    try {
      await shows(topics(page), /load/);
      await page.getByLabel('Topic filter').fill('load/7/#');
      await messages(page).filter({hasText: 'load/8/'}).first().waitFor({state: 'detached'});
      await page.getByLabel('Topic filter').fill('');
      await page.getByRole('button', {name: 'Pause'}).click();
      await page.getByText(/Paused: [\d,]{3,} newer/).waitFor();
      await messages(page).nth(3).click();
      await shows(payload(page), /^message \d+$/);
      await page.getByRole('button', {name: 'Continue'}).click();
      // The list stands still for a reader who has scrolled, until the newest messages are in sight again.
      const list = page.getByRole('listbox', {name: 'Messages'});
      await list.press('PageDown');
      await page.getByText(/Held while you look further down: [\d,]{3,} newer/).waitFor();
      await list.press('Home');
      await page.getByText(/Held/).waitFor({state: 'detached'});
      await tab(page, 'Clients').click();
      await page.getByText('2 connected').waitFor();
    } finally {
      clearInterval(timer);
    }
    await shows(page.locator('.head'), `${sent.toLocaleString('en')} messages`);
  });

  it('keeps its memory bounded over 100,000 messages and over many topics', async (context) => {
    await using broker = await startWebBroker();
    const {page} = await browser.open(broker.page);
    await connected(page);
    const session = await page.context().newCDPSession(page);
    const used = async () => {
      await session.send('HeapProfiler.collectGarbage');
      const usage = (await session.send('Runtime.getHeapUsage')) as unknown as Record<string, number>;
      return usage['usedSize']! + (usage['backingStorageSize'] ?? 0) + (usage['embedderHeapUsedSize'] ?? 0);
    };
    const socket = await openPublisher(broker.url);
    let sent = 0;
    /** Publishes messages of 200 bytes, no more at once than the broker keeps for a slow reader. */
    const publish = async (count: number, topic: (index: number) => string) => {
      for (let index = 0; index < count; index += 10_000) {
        const frames = Array.from({length: 10_000}, (_, at) => publishFrame(topic(index + at)));
        socket.write(Buffer.concat(frames));
        sent += 10_000;
        await shows(page.locator('.head'), `${sent.toLocaleString('en')} messages`);
      }
    };
    await publish(10_000, (index) => `t/${index % 100}`);
    const early = await used();
    await publish(90_000, (index) => `t/${index % 100}`);
    const late = await used();
    assert.ok(late < early + 5_000_000, `${early} bytes, then ${late}`);
    await publish(20_000, (index) => `many/${index}/deep`);
    await page.getByText(/messages to further topics are not in the tree/).waitFor();
    const most = await used();
    context.diagnostic(
      `${early} bytes after 10,000 messages, ${late} after 100,000, ${most} with many topics`,
    );
    assert.ok(most < late + 30_000_000, `${late} bytes, then ${most}`);
    socket.destroy();
    assert.ok((await topics(page).count()) < 100);
  });
});
