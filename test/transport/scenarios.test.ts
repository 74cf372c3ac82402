/** One table of scenarios over every transport, with the built program on both sides. */
// needs: openssl

import {after, before, describe, it} from 'node:test';
import {Clients, prepareTarget, scenarios, type Target} from '../support/client-scenarios.ts';
import {type FourListeners, type Scheme, schemes, startFourListeners} from '../support/four-listeners.ts';

let broker: FourListeners;
before(async () => {
  broker = await startFourListeners('', 'program');
  await prepareTarget(target('mqtt'));
});
after(() => broker[Symbol.asyncDispose]());

function target(scheme: Scheme): Target {
  const {directory, certificate: cafile, ports} = broker;
  return {name: 'tmq broker', scheme, port: ports[scheme], cafile, directory};
}

for (const scheme of schemes) {
  describe(`tmq broker, ${scheme}`, {concurrency: 4}, () => {
    for (const {name, run} of scenarios) {
      it(name, async () => {
        await run(new Clients(target(scheme), `${scheme}/${name}`.replaceAll(' ', '-')));
      });
    }
  });
}
