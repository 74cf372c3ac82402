/**
 * MQTT.js: loading it, and the options that keep it to what a link wants of it. The only file that
 * imports it; knows no stream.
 */

import type {MqttClient as MqttJsClient} from 'mqtt';
import type {ConnectionOptions} from '../connection-options.ts';
import {type Codec, loadCodec} from './codec.ts';
import {BriefClient} from './minimal-client.ts';
import {packetBytes} from './minimal-packets.ts';
import {codecProperties} from './packet.ts';

export type {MqttJsClient};

export interface Libraries {
  readonly MqttClient: typeof MqttJsClient;
  readonly codec: Codec;
}

/** In place of MQTT.js and the codec, see BriefClient. */
const briefLibraries: Libraries = {
  MqttClient: BriefClient as unknown as typeof MqttJsClient,
  // What is left out of CONNECT is a matter of MQTT 5.
  codec: {encode: packetBytes, connectWithoutUsername: packetBytes},
};

/** Loads what a link needs; worth starting while the connection is being made. */
export async function loadLibraries(isBrief: boolean): Promise<Libraries> {
  if (isBrief) return briefLibraries;
  const [client, codec] = await Promise.all([import('mqtt/lib/client'), loadCodec()]);
  // Node takes the module's exports for its default export, other loaders what the module calls so.
  const exported = client.default as unknown as typeof MqttJsClient & {default?: typeof MqttJsClient};
  return {MqttClient: exported.default ?? exported, codec};
}

/** The options of MQTT.js: one connection, nothing done behind our back, nothing read from the environment. */
export function clientOptions(
  options: ConnectionOptions,
  clientId: string,
): ConstructorParameters<typeof MqttJsClient>[1] {
  const {protocolVersion, credentials, will} = options;
  const properties = protocolVersion === 5 ? codecProperties(options.properties) : undefined;
  const willProperties = protocolVersion === 5 ? codecProperties(will?.properties) : undefined;
  const {username, password} = credentials ?? {};
  return {
    protocolVersion,
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    clientId,
    clean: options.clean,
    keepalive: options.keepaliveSeconds,
    reconnectPeriod: 0,
    manualConnect: true,
    resubscribe: false,
    writeCache: false,
    timerVariant: 'native',
    // How long to wait is the session's decision, and covers more than CONNACK.
    connectTimeout: 2_147_483_647,
    log: () => undefined,
    ...(username === undefined ? {} : {username}),
    ...(password === undefined ? {} : {password: Buffer.from(password)}),
    ...(properties === undefined ? {} : {properties}),
    ...(will === undefined
      ? {}
      : {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.payload),
            qos: will.qos,
            retain: will.retain,
            ...(willProperties === undefined ? {} : {properties: willProperties}),
          },
        }),
  };
}
