/** The topics as a tree, with counts and last values. */

import type {PageModel} from '../model.ts';
import {payloadLine} from '../state/payload.ts';
import type {TopicNode} from '../state/topic-tree.ts';
import {grouped} from '../state/units.ts';
import {visibleLine} from '../state/visible-text.ts';
import {useState} from '../ui.ts';
import {Rows} from './rows.tsx';
import {useModel} from './use-model.ts';

export function Topics({model}: {readonly model: PageModel}) {
  useModel(model);
  const [text, setText] = useState('');
  const [withSys, setWithSys] = useState(false);
  const {tree, selection} = model;
  const rows = tree.rows(text);
  const isOpen = (node: TopicNode) => text !== '' || node.isOpen;
  const active = selection?.kind === 'topic' ? rows.findIndex(({path}) => path === selection.path) : -1;
  const open = (node: TopicNode, open: boolean) => {
    node.isOpen = open;
    model.changed();
  };
  const openAll = (isOpen: boolean) => {
    tree.openAll(isOpen);
    model.changed();
  };
  return (
    <section class="panel" aria-labelledby="topics-title">
      <header class="panel-head">
        <h2 id="topics-title">Topics</h2>
        <button type="button" class="quiet" onClick={() => openAll(true)}>
          Open all
        </button>
        <button type="button" class="quiet" onClick={() => openAll(false)}>
          Close all
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={withSys}
            onChange={() => {
              model.link.showSys(!withSys);
              setWithSys(!withSys);
            }}
          />
          $SYS
        </label>
      </header>
      <div class="tools">
        <input
          type="search"
          aria-label="Find topics"
          placeholder="Find topics"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <Rows
        items={rows.length}
        itemAt={(index) => rows[index]!}
        rowHeight={28}
        role="tree"
        label="Topics"
        active={active}
        onActive={(index) => {
          model.select({kind: 'topic', path: rows[index]!.path});
        }}
        onOpen={() => model.show('details')}
        onKey={(key, index) => {
          const node = rows[index]!;
          if (key === 'ArrowRight' && node.children.size > 0) open(node, true);
          else if (key === 'ArrowLeft' && node.isOpen && node.children.size > 0) open(node, false);
          else if (key === 'ArrowLeft' && node.parent?.parent !== undefined)
            model.select({kind: 'topic', path: node.parent.path});
          else return false;
          return true;
        }}
        attributes={(node) => ({
          'aria-level': node.depth,
          ...(node.children.size > 0 ? {'aria-expanded': isOpen(node)} : {}),
        })}
        render={(node) => (
          <Topic node={node} isOpen={isOpen(node)} onToggle={() => open(node, !node.isOpen)} />
        )}
        empty={text === '' ? 'No message has come yet.' : 'No topic has this text.'}
      />
      {tree.omitted > 0 && (
        <p class="remark" role="status">
          {grouped(tree.omitted)} messages to further topics are not in the tree: it has {grouped(tree.size)}{' '}
          levels.
        </p>
      )}
    </section>
  );
}

interface TopicProps {
  readonly node: TopicNode;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

function Topic({node, isOpen, onToggle}: TopicProps) {
  const {name, depth, children, total, last, isRetained} = node;
  return (
    <span class="topic" style={{paddingLeft: `${Math.min(depth - 1, 12) * 14 + 4}px`}}>
      {/* For the mouse: arrow keys open and close. */}
      <span
        class={children.size === 0 ? 'toggle none' : 'toggle'}
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation();
          onToggle();
        }}
      >
        {children.size === 0 ? '' : isOpen ? '▾' : '▸'}
      </span>
      <span class="name">{name === '' ? '(empty)' : visibleLine(name)}</span>
      {isRetained && <Retained />}
      {last !== undefined && <span class="value">{payloadLine(last.payload)}</span>}
      <span class="count" title={`${grouped(total)} messages`}>
        {grouped(total)}
      </span>
    </span>
  );
}

/** The mark of a retained message. */
export function Retained() {
  return (
    <span class="badge retained" title="retained">
      R<span class="hidden">etained</span>
    </span>
  );
}
