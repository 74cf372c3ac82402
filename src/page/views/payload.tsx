/** A payload as text, JSON or hexadecimal digits: always as text of the page, never as HTML. */

import type {PageMessage} from '../state/message.ts';
import {type PayloadForm, payloadShown} from '../state/payload.ts';
import {byteCount} from '../state/units.ts';
import {useState} from '../ui.ts';
import {Tabs} from './tabs.tsx';

const names: Readonly<Record<PayloadForm, string>> = {text: 'Text', json: 'JSON', hex: 'Hex'};
const forms = ['text', 'json', 'hex'] as const;

/** What the reader chose last. */
let lastForm: PayloadForm | undefined;

export function Payload({message}: {readonly message: PageMessage}) {
  const {payload, size} = message;
  const [chosen, setChosen] = useState(lastForm);
  const form = chosen ?? (looksLikeJson(payload) ? 'json' : 'text');
  const {text, bytes, remark} = payloadShown(payload, form, size);
  return (
    <div class="payload">
      <div class="payload-head">
        <Tabs
          label="View of the payload"
          tabs={forms.map((each) => ({id: each, label: names[each]}))}
          chosen={form}
          onChoose={(next) => {
            lastForm = next;
            setChosen(next);
          }}
          panelId="payload"
        />
        <button type="button" class="quiet" disabled={payload.length < size} onClick={() => save(message)}>
          Save
        </button>
      </div>
      <div id="payload" role="tabpanel" aria-labelledby={`payload-${form}`}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard */}
        <pre class={form} tabIndex={0}>
          {text}
        </pre>
        {size === 0 && <p class="remark">The payload is empty.</p>}
        {remark !== undefined && size > 0 && <p class="remark">{remark}</p>}
        {bytes > 0 && bytes < size && (
          <p class="remark">
            These are the first {byteCount(bytes)} of {byteCount(size)}.
          </p>
        )}
      </div>
    </div>
  );
}

/** Whether it begins like an object or an array, and is small enough to be looked at in passing. */
function looksLikeJson(payload: Uint8Array): boolean {
  const isBracketed = payload[0] === 0x7b || payload[0] === 0x5b;
  return isBracketed && payloadShown(payload, 'json').remark === undefined;
}

/** Writes the payload to a file, byte for byte. */
function save({payload, number}: PageMessage): void {
  const url = URL.createObjectURL(new Blob([new Uint8Array(payload)], {type: 'application/octet-stream'}));
  const link = document.createElement('a');
  link.href = url;
  link.download = `payload-${number}.bin`;
  link.click();
  URL.revokeObjectURL(url);
}
