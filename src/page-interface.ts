/**
 * What the web server of `tmq broker --web` and its page say to each other in JSON. The page runs in a browser: these
 * are types alone.
 */

/** A subscription of a client. */
export interface PageSubscription {
  readonly filter: string;
  readonly qos: number;
}

/** The will of a client, without its payload: it may be large. */
export interface PageWill {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  /** Bytes of the payload. */
  readonly size: number;
  readonly delaySeconds: number;
}

/** A connected client. */
export interface PageClient {
  readonly clientId: string;
  readonly username?: string;
  readonly address: string;
  /** 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly protocolVersion: number;
  /** Seconds; 0: none. */
  readonly keepAliveSeconds: number;
  readonly cleanStart: boolean;
  /** The first ones. */
  readonly subscriptions: readonly PageSubscription[];
  /** The number of all of them. */
  readonly subscriptionCount: number;
  readonly will?: PageWill;
}

/** The answer to GET api/clients: the first clients, and the number of all of them. */
export interface PageClients {
  readonly total: number;
  readonly clients: readonly PageClient[];
}

/** A fault that can be switched on and off. */
export interface FaultSwitch {
  /** As in --fault. */
  readonly rule: string;
  readonly isOn: boolean;
}

/** The answer to GET and PUT api/faults; the body of PUT. */
export interface PageFaults {
  readonly faults: readonly FaultSwitch[];
}

/** The answer to GET api/broker. */
export interface PageBroker {
  /** Where clients can connect: 'mqtt://127.0.0.1:1883'. */
  readonly urls: readonly string[];
  /** How the identifiers of clients have to begin. */
  readonly clientIdPrefix: string;
}

/** The answer to a request that is not carried out. */
export interface PageProblem {
  /** A sentence. */
  readonly problem: string;
}
