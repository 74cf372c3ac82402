/** The clients that are compared, with the options that each needs for a transport; and a subscriber's run. */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {open, stat} from 'node:fs/promises';
import {tmq} from './bench.ts';
import {environment, type Invocation} from './measure.ts';
import {mqttCli} from './peers.ts';

export type Program = Pick<Invocation, 'command' | 'args'>;

export type Transport = 'tcp' | 'tls' | 'ws' | 'wss';

export type QoS = 0 | 1 | 2;

/** npm: the `mqtt` of npm. */
export type Maker = 'tmq' | 'mosquitto' | 'npm';

/** Where a client connects, and what it publishes or subscribes to. */
export interface Place {
  readonly port: number;
  readonly transport: Transport;
  readonly caFile: string;
  readonly topic: string;
}

export function isSecure(transport: Transport): boolean {
  return transport === 'tls' || transport === 'wss';
}

export function isWebSocket(transport: Transport): boolean {
  return transport === 'ws' || transport === 'wss';
}

/** The one that tmq is compared with: mosquitto's clients speak no WebSockets. */
export function peerOf(transport: Transport): Exclude<Maker, 'tmq'> {
  return isWebSocket(transport) ? 'npm' : 'mosquitto';
}

/** What each is called in a label. */
export const peerNames = {mosquitto: 'mosquitto', npm: 'npm mqtt'} as const;

/** A publisher of the lines of its standard input, or a subscriber that prints payloads as lines. */
export function client(maker: Maker, name: 'pub' | 'sub', place: Place, qos: QoS): Program {
  const words = [...(maker === 'npm' ? npmWords(place) : ownWords(place)), '-q', String(qos)];
  const lines = maker === 'npm' ? ['-s', '-M'] : ['-l'];
  const args = name === 'pub' ? [...words, ...lines] : words;
  if (maker === 'tmq') return tmq(name, ...args);
  return maker === 'npm' ? mqttCli(name, ...args) : {command: `mosquitto_${name}`, args};
}

function ownWords({port, transport, caFile, topic}: Place): readonly string[] {
  return [
    ...['-p', String(port), '-t', topic],
    ...(isSecure(transport) ? ['--cafile', caFile] : []),
    ...(isWebSocket(transport) ? ['--ws'] : []),
  ];
}

function npmWords({port, transport, caFile, topic}: Place): readonly string[] {
  const protocol = {tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss'}[transport];
  const words = ['-h', 'localhost', '-p', String(port), '-t', topic, '-C', protocol];
  return isSecure(transport) ? [...words, '--ca', caFile] : words;
}

/** A subscriber that writes to a file. Ends with its disposal. */
export interface Subscriber extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when the file has so many bytes. @throws Error when the subscriber ends before */
  hasWritten(bytes: number): Promise<void>;
}

/** Starts a subscriber; it is killed after four minutes. */
export async function startSubscriber({command, args}: Program, output: string): Promise<Subscriber> {
  const file = await open(output, 'w');
  const child = spawn(command, args, {
    stdio: ['ignore', file.fd, 'inherit'],
    env: environment(),
    timeout: 240_000,
  });
  const exit = once(child, 'exit');
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    pid: child.pid!,
    async hasWritten(bytes) {
      while ((await stat(output)).size < bytes) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`${command} ${args.join(' ')} ended before it had received everything.`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    async [Symbol.asyncDispose]() {
      kill();
      await exit;
      process.off('exit', kill);
      await file.close();
    },
  };
}
