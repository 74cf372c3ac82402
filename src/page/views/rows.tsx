/**
 * A list of any length of which only the rows in sight are elements. One row is active: arrow keys move it, as in the
 * patterns of a listbox and a tree [ARIA Authoring Practices Guide].
 */

import {type ComponentChildren, useId, useLayoutEffect, useRef, useState} from '../ui.ts';

/** Of a row of a tree. */
export interface RowAttributes {
  readonly 'aria-level'?: number;
  readonly 'aria-expanded'?: boolean;
}

export interface RowsProps<T> {
  readonly items: number;
  readonly itemAt: (index: number) => T;
  /** Pixels. */
  readonly rowHeight: number;
  readonly role: 'listbox' | 'tree';
  readonly label: string;
  /** The active row; -1: none. */
  readonly active: number;
  readonly onActive: (index: number) => void;
  /** A row was clicked, or Enter pressed. */
  readonly onOpen: (index: number) => void;
  /** A key that does not move; returns whether it has a meaning. */
  readonly onKey?: (key: string, index: number) => boolean;
  readonly onScrolled?: (isAway: boolean) => void;
  /** Attributes of a row, such as aria-level. */
  readonly attributes?: (item: T) => RowAttributes;
  readonly render: (item: T, index: number) => ComponentChildren;
  /** In place of rows when there are none. */
  readonly empty: ComponentChildren;
}

/** Rows above and below those in sight. */
const more = 4;

export function Rows<T>(props: RowsProps<T>) {
  const {items, itemAt, rowHeight, role, active, onActive} = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({top: 0, height: 600});
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => setSeen({top: element.scrollTop, height: element.clientHeight});
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const scrolled = () => {
    const {scrollTop, clientHeight} = box.current!;
    setSeen({top: scrollTop, height: clientHeight});
    props.onScrolled?.(scrollTop > 0);
  };
  const activate = (index: number) => {
    if (index < 0 || index >= items) return;
    const element = box.current!;
    const [start, end] = [index * rowHeight, (index + 1) * rowHeight];
    if (start < element.scrollTop) element.scrollTop = start;
    else if (end > element.scrollTop + element.clientHeight) element.scrollTop = end - element.clientHeight;
    onActive(index);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(seen.height / rowHeight) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: Math.min(items - 1, active + 1),
      ArrowUp: Math.max(0, active - 1),
      PageDown: Math.min(items - 1, Math.max(0, active) + page),
      PageUp: Math.max(0, active - page),
      Home: 0,
      End: items - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) activate(next);
    else if (event.key === 'Enter' && active >= 0) props.onOpen(active);
    else if (active < 0 || !props.onKey?.(event.key, active)) return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(seen.top / rowHeight) - more);
  const count = Math.max(0, Math.min(items - first, Math.ceil(seen.height / rowHeight) + 2 * more));
  const isActiveShown = active >= first && active < first + count;
  // The roles are values here, so that no rule for elements can know that these are interactive.
  const list = {
    role,
    'aria-label': props.label,
    'aria-activedescendant': isActiveShown ? `${id}-${active}` : undefined,
    tabIndex: 0,
    onScroll: scrolled,
    onKeyDown: pressed,
  };
  const row = (item: T, index: number) => ({
    id: `${id}-${index}`,
    role: role === 'tree' ? ('treeitem' as const) : ('option' as const),
    'aria-selected': index === active,
    ...props.attributes?.(item),
    onClick() {
      activate(index);
      props.onOpen(index);
    },
  });
  return (
    <div ref={box} class="rows" {...list}>
      {items === 0 && <p class="empty">{props.empty}</p>}
      <div class="spacer" role="presentation" style={{height: `${items * rowHeight}px`}}>
        {Array.from({length: count}, (_, offset) => {
          const index = first + offset;
          const item = itemAt(index);
          const place = {top: `${index * rowHeight}px`, height: `${rowHeight}px`};
          return (
            <div key={index} class="row" style={place} {...row(item, index)}>
              {props.render(item, index)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
