/** The options of a will, and the will they make: what the broker publishes when the client is lost. */

import {inGroup, integer, text, type Values} from '../../cli/option.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import type {ProtocolVersion, QoS, Will} from '../../protocol/message.ts';
import {type PropertySetting, propertiesFor} from '../../protocol/property-option.ts';
import {publishTopic} from './topic-option.ts';

export const willOptions = inGroup('Will', {
  willTopic: {
    flags: '--will-topic <topic>',
    summary: 'leave a will: the topic it is published to',
    details:
      'The broker publishes the will when the connection ends without a DISCONNECT, and with MQTT 5 also when the client ends by -W or a signal.',
    noun: 'will topic',
    parse: publishTopic({option: '--will-topic', what: 'will topic'}),
  },
  willPayload: {
    flags: '--will-payload <text>',
    summary: 'the message of the will; empty if not given',
    noun: 'will payload',
    parse: text,
  },
  willQos: {
    flags: '--will-qos <level>',
    summary: 'quality of service of the will: 0, 1 or 2 (default 0)',
    noun: 'will QoS',
    parse: integer({
      minimum: 0,
      maximum: 2,
      problem: (given) => `Invalid will QoS ${given}. It is 0, 1 or 2.`,
    }) as (given: string) => QoS,
    complete: ['0', '1', '2'],
  },
  willRetain: {flags: '--will-retain', summary: 'the broker retains the will'},
});

/**
 * The will, or undefined where no topic is given.
 * @throws UsageError for a payload or a retain flag without a topic
 */
export function toWill(
  values: Values<typeof willOptions>,
  settings: readonly PropertySetting[] | undefined,
  protocolVersion: ProtocolVersion,
): Will | undefined {
  const {willTopic: topic, willPayload: payload, willQos: qos = 0, willRetain: retain = false} = values;
  if (topic === undefined) {
    if (payload !== undefined)
      throw new UsageError('Will payload given, but no will topic given. Add --will-topic.');
    if (retain) throw new UsageError('Will retain given, but no will topic given. Add --will-topic.');
    return undefined;
  }
  const properties = propertiesFor(settings, 'will', protocolVersion);
  return {topic, payload: Buffer.from(payload ?? ''), qos, retain, ...defined({properties})};
}
