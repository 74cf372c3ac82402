/** What the views use of Preact: the only importer, besides JSX. */

export {type ComponentChildren, render} from 'preact';
export {useEffect, useId, useLayoutEffect, useReducer, useRef, useState} from 'preact/hooks';
