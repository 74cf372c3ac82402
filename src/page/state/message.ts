/** A message as the page keeps it. */

/** A user property: name and value. */
export type UserProperty = readonly [name: string, value: string];

/** The properties of MQTT 5 that the page shows and sends. */
export interface MessageProperties {
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  readonly payloadFormatIndicator?: boolean;
  readonly userProperties?: readonly UserProperty[];
}

export interface PageMessage {
  /** 1 is the first message of the page; no number is left out. */
  readonly number: number;
  /** Milliseconds since the epoch at which it came. */
  readonly time: number;
  readonly topic: string;
  /** The payload, or where little room is left, its beginning. */
  readonly payload: Uint8Array;
  /** Bytes of the whole payload. */
  readonly size: number;
  readonly retain: boolean;
  readonly properties: MessageProperties;
}

/** Bytes that a message takes, nearly: topic, payload and properties. */
export function weightOf({topic, payload, properties}: PageMessage): number {
  const {contentType = '', responseTopic = '', correlationData, userProperties = []} = properties;
  let weight = payload.length + topic.length + contentType.length + responseTopic.length;
  weight += correlationData?.length ?? 0;
  for (const [name, value] of userProperties) weight += name.length + value.length;
  return weight;
}
