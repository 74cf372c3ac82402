/** Access that asks its host about each client, too. */

import type {Access, Identity} from './access.ts';

/** Accepts a client when `access` does and `ask` gives 0; another number is the reason code to refuse it with. */
export function askingAccess(access: Access, ask: (identity: Identity) => number | Promise<number>): Access {
  return {
    ...access,
    async admit(identity, listener) {
      const admission = await access.admit(identity, listener);
      if (!admission.accepted) return admission;
      const reasonCode = await ask(identity);
      return reasonCode === 0 ? admission : {accepted: false, reason: 'not-authorized', reasonCode};
    },
  };
}
