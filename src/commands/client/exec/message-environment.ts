/** A message as environment variables of a command. Pure. */

import type {Io} from '../../../io/process.ts';
import type {Message} from '../../../protocol/message.ts';
import {type BrokerPlace, withBroker} from './broker-environment.ts';

type Environment = Io['env'];

const userPrefix = 'MQTT_USER_';

/** An environment cannot hold NUL. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}

/** The variables of the message that always have a value, and those that its properties give. */
function variables({topic, qos, retain, properties = {}}: Message): Record<string, string | undefined> {
  const {contentType, responseTopic, correlationData, userProperties = []} = properties;
  const all: Record<string, string | undefined> = {
    MQTT_TOPIC: topic,
    MQTT_QOS: String(qos),
    MQTT_RETAIN: retain ? '1' : '0',
    MQTT_CONTENT_TYPE: contentType,
    MQTT_RESPONSE_TOPIC: responseTopic,
    MQTT_CORRELATION_DATA:
      correlationData === undefined ? undefined : Buffer.from(correlationData).toString('base64'),
  };
  for (const [name, value] of userProperties) {
    const key = `${userPrefix}${name.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
    // A name may come more than once.
    all[key] = all[key] === undefined ? value : `${all[key]}\n${value}`;
  }
  return all;
}

const fixedNames: ReadonlySet<string> = new Set([
  'MQTT_TOPIC',
  'MQTT_QOS',
  'MQTT_RETAIN',
  'MQTT_CONTENT_TYPE',
  'MQTT_RESPONSE_TOPIC',
  'MQTT_CORRELATION_DATA',
]);

/** What all commands of a run have: tmq's own environment, and the broker. Variables of a message are not inherited. */
export function commonEnvironment(env: Environment, place: BrokerPlace): Environment {
  const own = Object.entries(env).filter(([name]) => !fixedNames.has(name) && !name.startsWith(userPrefix));
  return withBroker(Object.fromEntries(own), place);
}

/** The variables of the message; each value is text without NUL. */
export function messageVariables(message: Message): Readonly<Record<string, string>> {
  const given = Object.entries(variables(message)).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, withoutNul(value!)]));
}
