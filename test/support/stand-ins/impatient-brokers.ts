/**
 * Stand-ins for brokers that cannot be installed everywhere. In each case a real broker answers behind it;
 * the stand-in adds the one habit of the other server that clients stumble over.
 */

import {connect} from 'node:net';
import {type Duplex, Transform} from 'node:stream';
import type {Scheme} from '../four-listeners.ts';
import {type Identity, openFront} from './front.ts';
import {PacketCutter, packetType} from './packet-cutter.ts';
import {strictRules} from './web-socket-server.ts';

export interface StandIn extends AsyncDisposable {
  readonly port: number;
  /** What clients did that the server does not bear, in order. */
  readonly refusals: readonly string[];
}

export interface StandInOptions {
  readonly scheme: Scheme;
  readonly identity: Identity;
  /** A broker on loopback, with MQTT over TCP. */
  readonly upstreamPort: number;
}

/** Milliseconds from CONNECT to CONNACK: the time in which such a server looks up a user. */
const connackMilliseconds = 15;

/** What a stand-in does with a client's connection, until and after its CONNACK. */
interface Habit {
  /** The bytes that go on to the broker, of a packet that came before CONNACK was sent; first is CONNECT. */
  readonly early: (packet: Buffer, isFirst: boolean) => Buffer | undefined;
  /** Whether the broker's answers still go to the client. */
  readonly answers: () => boolean;
  /** The client ended the connection; called also after CONNACK. */
  readonly ended: (early: boolean) => void;
}

function bridge(client: Duplex, upstreamPort: number, habit: Habit): void {
  const upstream = connect({port: upstreamPort, host: '127.0.0.1', noDelay: true});
  const cutter = new PacketCutter();
  let first = true;
  let accepted = false;
  const toBroker = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const packet of cutter.push(chunk)) {
        const passed = accepted ? packet : habit.early(packet, first);
        first = false;
        if (passed !== undefined) this.push(passed);
      }
      done();
    },
    flush(done) {
      habit.ended(!accepted);
      done();
    },
  });
  const toClient = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const pass = () => {
        accepted = true;
        done(null, habit.answers() ? chunk : undefined);
      };
      if (accepted) pass();
      else setTimeout(pass, connackMilliseconds);
    },
  });
  for (const stream of [client, upstream]) stream.on('error', () => undefined);
  // What was passed on still arrives: neither side is reset.
  client.on('close', () => upstream.destroySoon());
  upstream.on('close', () => client.end());
  client.pipe(toBroker).pipe(upstream);
  upstream.pipe(toClient).pipe(client);
}

async function standIn(
  {scheme, identity, upstreamPort}: StandInOptions,
  rules: object,
  habit: (refused: (reason: string) => void) => Habit,
): Promise<StandIn> {
  const refusals: string[] = [];
  const refused = (reason: string) => void refusals.push(reason);
  const connected = (client: Duplex) => bridge(client, upstreamPort, habit(refused));
  const server = await openFront({scheme, identity, rules, connected, refused});
  return {port: server.port, refusals, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]()};
}

const patient: Habit = {early: (packet) => packet, answers: () => true, ended: () => undefined};

/**
 * As mosquitto 2.1's built-in WebSocket server: ends the connection at an empty frame, at a frame that does
 * not hold whole packets, and at a frame whose header comes in two segments.
 */
export async function startStrictWebSockets(options: StandInOptions): Promise<StandIn> {
  return await standIn(options, strictRules, () => patient);
}

/** As RabbitMQ over WebSockets: after a DISCONNECT or a close that came before CONNACK, it answers nothing. */
export async function startSilentAfterEarlyEnd(options: StandInOptions): Promise<StandIn> {
  return await standIn(options, {}, (refused) => {
    let silent = false;
    const end = (reason: string) => {
      if (!silent) refused(reason);
      silent = true;
    };
    return {
      early(packet) {
        if (packetType(packet) === 14) end('DISCONNECT before CONNACK');
        return packet;
      },
      answers: () => !silent,
      ended(early) {
        if (early) end('closed before CONNACK');
      },
    };
  });
}

/** As mosca and Vert.x: whatever comes behind CONNECT and before CONNACK is lost. */
export async function startDroppingBeforeConnack(options: StandInOptions): Promise<StandIn> {
  return await standIn(options, {}, (refused) => ({
    ...patient,
    early(packet, isFirst) {
      if (isFirst) return packet;
      refused(`packet type ${packetType(packet)} before CONNACK`);
      return undefined;
    },
  }));
}
