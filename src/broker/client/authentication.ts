/**
 * Enhanced authentication of one client by SCRAM [MQTT 5, 4.12]: when it connects, and whenever it wants to prove
 * again who it is. Makes and reads the AUTH packets; sends none.
 */

import {type ScramAccount, ScramFailure, ScramServer} from '../../password/scram.ts';
import {protocolError} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {Access} from '../access/access.ts';
import type {ListenerConfig} from '../config/settings.ts';
import type {IAuthPacket, IConnectPacket} from '../wire/packets.ts';

type FindAccount = () => ReturnType<NonNullable<Access['accountFinder']>>;

/** The client is this user: properties of the CONNACK or AUTH that accepts it [MQTT-4.12.0-5]. */
export interface Proof {
  readonly username: string;
  readonly account: ScramAccount;
  readonly properties: {readonly authenticationMethod: string; readonly authenticationData: Buffer};
}

export class Authentication {
  readonly #method: string;
  readonly #find: FindAccount;
  #exchange: ScramServer | undefined;
  #account: ScramAccount | undefined;
  /** The user that the client is, or by CONNECT claims to be. */
  #username: string | undefined;

  constructor(method: string, find: FindAccount, username: string | undefined) {
    this.#method = method;
    this.#find = find;
    this.#username = username;
  }

  /** The AUTH packet that answers the data of CONNECT or of AUTH 0x19 [MQTT-4.12.0-2]; undefined: refused. */
  begin(data: Uint8Array | undefined): IAuthPacket | undefined {
    const find = this.#find();
    if (find === undefined || data === undefined) return undefined;
    this.#exchange = new ScramServer((username) => {
      this.#account = find(username);
      return this.#account;
    });
    try {
      const challenge = this.#exchange.challenge(Buffer.from(data).toString());
      return this.#packet(ReasonCode.continueAuthentication, Buffer.from(challenge));
    } catch (error) {
      if (!(error instanceof ScramFailure)) throw error;
      return undefined;
    }
  }

  /** What the client's answer proves; undefined: nothing, or that it is another user. @throws PacketViolation for an AUTH packet out of place */
  finish(packet: IAuthPacket): Proof | undefined {
    this.#check(packet);
    if (packet.reasonCode !== ReasonCode.continueAuthentication || this.#exchange === undefined)
      throw protocolError('MQTT-4.12.0-3', 'AUTH does not continue an authentication.');
    const exchange = this.#exchange;
    this.#exchange = undefined;
    const signature = exchange.conclude(Buffer.from(packet.properties?.authenticationData ?? '').toString());
    const {username} = exchange;
    this.#username ??= username;
    if (signature === undefined || username !== this.#username) return undefined;
    const properties = {authenticationMethod: this.#method, authenticationData: Buffer.from(signature)};
    return {username, account: this.#account!, properties};
  }

  /**
   * The answer to AUTH of an accepted client, which stays the same user [MQTT 5, 4.12.1]; undefined: refused.
   * @throws PacketViolation
   */
  again(packet: IAuthPacket): IAuthPacket | undefined {
    this.#check(packet);
    if (packet.reasonCode === ReasonCode.reAuthenticate)
      return this.begin(packet.properties?.authenticationData);
    const data = this.finish(packet)?.properties.authenticationData;
    return data && this.#packet(ReasonCode.success, data);
  }

  /** @throws PacketViolation for another method [MQTT-4.12.1-1] */
  #check({properties}: IAuthPacket): void {
    if (properties?.authenticationMethod === this.#method) return;
    throw protocolError('MQTT-4.12.0-5', 'AUTH has another authentication method than CONNECT.');
  }

  #packet(reasonCode: number, authenticationData: Buffer): IAuthPacket {
    return {cmd: 'auth', reasonCode, properties: {authenticationMethod: this.#method, authenticationData}};
  }
}

/** What carries out the method that a CONNECT asks for; undefined where there is none, or no user has it. */
export function authenticationFor(
  {properties, username}: IConnectPacket,
  access: Access,
  listener: ListenerConfig,
): Authentication | undefined {
  const method = properties?.authenticationMethod;
  if (method === undefined) return undefined;
  const find = () => access.accountFinder?.(listener, method);
  return find() === undefined ? undefined : new Authentication(method, find, username || undefined);
}
