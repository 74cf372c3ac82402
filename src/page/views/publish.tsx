/** The form that publishes a message, with the properties of MQTT 5. */

import {isMqttString, isPublishTopic} from '../../protocol/topic.ts';
import type {Outgoing} from '../broker/mqtt-session.ts';
import type {Draft, PageModel} from '../model.ts';
import type {UserProperty} from '../state/message.ts';
import {clock} from '../state/units.ts';
import {visibleLine} from '../state/visible-text.ts';
import {useEffect, useState} from '../ui.ts';

interface Form {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly contentType: string;
  readonly responseTopic: string;
  readonly correlationData: string;
  readonly expiry: string;
  readonly user: readonly UserProperty[];
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function formOf({topic, payload, retain = false, properties = {}}: Draft): Form {
  const {contentType = '', responseTopic = '', correlationData, messageExpiryInterval: expiry} = properties;
  return {
    ...{topic, qos: 0, retain, contentType, responseTopic},
    payload: payload === undefined ? '' : decoder.decode(payload),
    correlationData: correlationData === undefined ? '' : decoder.decode(correlationData),
    expiry: expiry === undefined ? '' : String(expiry),
    user: properties.userProperties ?? [],
  };
}

/** What was in the form when it was last shown. */
let kept: Form = formOf({topic: ''});

/** The message of a form, or a sentence about the first field that is not valid. */
function messageOf(form: Form): Outgoing | string {
  const {topic, qos, retain, contentType, responseTopic, correlationData, expiry, user} = form;
  if (!isPublishTopic(topic) || !isMqttString(topic))
    return 'The topic has at least one character, and none of +, # and control characters.';
  if (responseTopic !== '' && !isPublishTopic(responseTopic)) return 'The response topic is not a topic.';
  if (expiry !== '' && !(Number(expiry) <= 0xffff_ffff && /^\d+$/.test(expiry)))
    return 'The expiry is a number of seconds.';
  const properties = {
    ...(contentType === '' ? {} : {contentType}),
    ...(responseTopic === '' ? {} : {responseTopic}),
    ...(correlationData === '' ? {} : {correlationData: encoder.encode(correlationData)}),
    ...(expiry === '' ? {} : {messageExpiryInterval: Number(expiry)}),
    ...(user.length === 0 ? {} : {userProperties: user}),
  };
  return {topic, payload: encoder.encode(form.payload), qos, retain, properties};
}

interface Outcome {
  readonly isProblem: boolean;
  readonly sentence: string;
}

async function publish(model: PageModel, form: Form): Promise<Outcome> {
  const message = messageOf(form);
  if (typeof message === 'string') return {isProblem: true, sentence: message};
  const problem = await model.link.publish(message);
  if (problem !== undefined) return {isProblem: true, sentence: `Not published: ${problem}`};
  const topic = visibleLine(message.topic);
  const way = message.qos === 0 ? 'sent' : 'acknowledged by the broker';
  return {isProblem: false, sentence: `${clock(Date.now())}: ${topic}, QoS ${message.qos}, ${way}.`};
}

export function Publish({model}: {readonly model: PageModel}) {
  const [form, setForm] = useState(kept);
  const [outcome, setOutcome] = useState<Outcome>();
  const [isBusy, setBusy] = useState(false);
  const change = (part: Partial<Form>) => setForm((form) => ({...form, ...part}));
  const {draft} = model;
  useEffect(() => {
    if (draft === undefined) return;
    setForm(formOf(draft));
    setOutcome(undefined);
    model.draft = undefined;
  }, [draft, model]);
  useEffect(() => {
    kept = form;
  }, [form]);
  const submit = async () => {
    setBusy(true);
    setOutcome(await publish(model, form));
    setBusy(false);
  };
  return (
    <form
      class="form"
      aria-label="Publish"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        void submit();
      }}
    >
      <Field label="Topic" value={form.topic} onInput={(topic) => change({topic})} />
      <label class="field">
        <span>Payload</span>
        <textarea
          rows={6}
          spellcheck={false}
          value={form.payload}
          onInput={(event) => change({payload: event.currentTarget.value})}
        />
      </label>
      <div class="line">
        <label class="field short">
          <span>QoS</span>
          <select
            value={String(form.qos)}
            onChange={(event) => change({qos: Number(event.currentTarget.value) as 0 | 1 | 2})}
          >
            <option value="0">0, at most once</option>
            <option value="1">1, at least once</option>
            <option value="2">2, exactly once</option>
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={form.retain} onChange={() => change({retain: !form.retain})} />
          Retain
        </label>
      </div>
      <Properties form={form} change={change} />
      <div class="buttons">
        <button type="submit" class="main" disabled={isBusy}>
          Publish
        </button>
        <span class="hint">Ctrl+Enter publishes, too.</span>
      </div>
      <p role="status" class={outcome?.isProblem === true ? 'remark problem' : 'remark'}>
        {outcome?.sentence}
      </p>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly inputMode?: 'numeric';
}

function Field({label, value, onInput, ...rest}: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        spellcheck={false}
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        {...rest}
      />
    </label>
  );
}

interface PropertiesProps {
  readonly form: Form;
  readonly change: (part: Partial<Form>) => void;
}

function Properties({form, change}: PropertiesProps) {
  const {contentType, responseTopic, correlationData, expiry, user} = form;
  const isOpen = contentType + responseTopic + correlationData + expiry !== '' || user.length > 0;
  const setUser = (index: number, pair: UserProperty) =>
    change({user: user.map((each, at) => (at === index ? pair : each))});
  return (
    <details open={isOpen}>
      <summary>Properties</summary>
      <Field label="Content type" value={contentType} onInput={(contentType) => change({contentType})} />
      <Field
        label="Response topic"
        value={responseTopic}
        onInput={(responseTopic) => change({responseTopic})}
      />
      <Field
        label="Correlation data"
        value={correlationData}
        onInput={(correlationData) => change({correlationData})}
      />
      <Field
        label="Message expiry, in seconds"
        inputMode="numeric"
        value={expiry}
        onInput={(expiry) => change({expiry})}
      />
      {user.map(([name, value], index) => (
        <div class="line" key={index}>
          <Field
            label={`User property ${index + 1}: name`}
            value={name}
            onInput={(name) => setUser(index, [name, value])}
          />
          <Field label="value" value={value} onInput={(value) => setUser(index, [name, value])} />
          <button
            type="button"
            class="quiet"
            aria-label={`Remove user property ${index + 1}`}
            onClick={() => change({user: user.filter((_, at) => at !== index)})}
          >
            ✕
          </button>
        </div>
      ))}
      <button type="button" onClick={() => change({user: [...user, ['', '']]})}>
        Add a user property
      </button>
    </details>
  );
}
