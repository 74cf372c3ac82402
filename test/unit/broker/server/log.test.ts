/** The log: types, timestamps, destinations, and control characters in lines. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rename, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PassThrough} from 'node:stream';
import {describe, it} from 'node:test';
import {parseBrokerConfig} from '../../../../src/broker/config/parse-config.ts';
import {type Log, openLog} from '../../../../src/broker/server/log.ts';
import {takeWritten} from '../../../support/written.ts';

function open(config: string): {log: Log; stdout: () => string; stderr: () => string; warnings: string[]} {
  const streams = {stdout: new PassThrough(), stderr: new PassThrough()};
  const {log: settings} = parseBrokerConfig(config, {path: 'x.conf', read: () => assert.fail()});
  const warnings: string[] = [];
  const io = {...streams, now: () => 1_700_000_000_000_000_000n};
  const log = openLog(settings, io, (sentence) => warnings.push(sentence));
  const text = (stream: PassThrough) => () => takeWritten(stream).toString();
  return {log, stdout: text(streams.stdout), stderr: text(streams.stderr), warnings};
}

describe('log', () => {
  it('writes the usual types to stderr, with the seconds since the epoch', () => {
    const {log, stdout, stderr} = open('');
    log.write('notice', 'here');
    log.write('debug', 'not here');
    assert.equal(stderr(), '1700000000: here\n');
    assert.equal(stdout(), '');
    assert.ok(!log.wants('debug') && log.wants('error'));
  });

  it('takes types, destinations and timestamps from the configuration', () => {
    const {log, stdout, stderr} = open('log_dest stdout\nlog_type debug\nlog_timestamp false');
    log.write('debug', 'here');
    log.write('notice', 'not here');
    assert.equal(stdout(), 'here\n');
    assert.equal(stderr(), '');
    const formatted = open('log_timestamp_format <%s> %%');
    formatted.log.write('error', 'x');
    assert.equal(formatted.stderr(), '<1700000000> %: x\n');
    const silent = open('log_dest none\nlog_dest stderr');
    silent.log.write('error', 'x');
    assert.equal(silent.stderr(), '');
    const nothing = open('log_type none');
    nothing.log.write('error', 'x');
    assert.equal(nothing.stderr(), '');
  });

  it('replaces control characters', () => {
    const {log, stderr} = open('log_timestamp false');
    log.write('notice', 'Client \x1b[31mred\x9b\x7f\r connected');
    assert.equal(stderr(), 'Client ?[31mred??? connected\n');
  });

  it('publishes lines by severity, and none about their own publication', () => {
    const {log} = open('log_dest topic\nlog_type all\nlog_timestamp false');
    const published: string[] = [];
    log.publish = (topic, line) => {
      published.push(`${topic} ${line}`);
      log.write('warning', 'about that');
    };
    log.write('notice', 'a');
    log.write('subscribe', 'b');
    log.write('debug', 'c');
    assert.deepEqual(published, ['$SYS/broker/log/N a', '$SYS/broker/log/M/subscribe b']);
  });

  it('F2, D4: a file that cannot be written or opened is one warning, and other destinations go on', () => {
    const full = open('log_dest file /dev/full\nlog_dest stderr\nlog_timestamp false');
    full.log.write('notice', 'one');
    full.log.write('notice', 'two');
    assert.equal(full.stderr(), 'one\ntwo\n');
    assert.deepEqual(full.warnings, [
      'Cannot write the log file /dev/full: no space left on the device. The broker goes on without it.',
    ]);
    full.log.close();
    const missing = open('log_dest file /nonexistent/log\nlog_dest stderr\nlog_timestamp false');
    missing.log.write('notice', 'one');
    assert.equal(missing.stderr(), 'one\n');
    assert.equal(missing.warnings.length, 1);
  });

  it('prints what the user asked for, whatever types are wanted', () => {
    const {log, stderr} = open('log_type none\nlog_timestamp false');
    log.print('tree');
    assert.equal(stderr(), 'tree\n');
  });

  it('opens its file again after a rotation', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-log-'));
    try {
      const path = join(directory, 'log file');
      const {log} = open(`log_dest file ${path}\nlog_timestamp false`);
      log.write('notice', 'one');
      await rename(path, `${path}.1`);
      log.write('notice', 'two');
      log.reopen();
      log.write('notice', 'three');
      log.close();
      assert.equal(await readFile(`${path}.1`, 'utf8'), 'one\ntwo\n');
      assert.equal(await readFile(path, 'utf8'), 'three\n');
    } finally {
      await rm(directory, {recursive: true});
    }
  });
});
