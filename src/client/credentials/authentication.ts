/** Enhanced authentication by SCRAM [MQTT 5, 4.12]: its messages as the data of CONNECT, AUTH and CONNACK. */

import {ExitCode, TmqError} from '../../errors.ts';
import type {Authentication} from '../connection/protocol-client.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import {describe} from '../transport/transport.ts';

/**
 * The authentication of one connection; undefined where the options ask for none.
 * @throws TmqError for a user name that SCRAM does not allow
 */
export async function authenticationOf({
  authMethod: method,
  credentials,
  endpoint,
}: ConnectionOptions): Promise<Authentication | undefined> {
  if (method === undefined || credentials === undefined) return undefined;
  const {ScramClient, ScramFailure} = await import('../../password/scram.ts');
  const {username = '', password = ''} = credentials;
  const explained = (error: unknown) =>
    error instanceof ScramFailure
      ? new TmqError(`Cannot log in to ${describe(endpoint)} by ${method}: ${error.message}.`)
      : error;
  try {
    const exchange = new ScramClient(method, {username, password});
    return {
      method,
      first: Buffer.from(exchange.first),
      async answer(data) {
        const answer = await exchange.answer(Buffer.from(data).toString()).catch((error: unknown) => {
          throw explained(error);
        });
        return Buffer.from(answer);
      },
      finish(data = new Uint8Array()) {
        if (exchange.verify(Buffer.from(data).toString())) return;
        throw new TmqError(
          `${describe(endpoint)} accepted the connection, but did not prove by ${method} that it knows the password: it may not be the broker that it seems to be.`,
          ExitCode.protocol,
        );
      },
    };
  } catch (error) {
    throw explained(error);
  }
}
