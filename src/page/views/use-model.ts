/** The model in a view. */

import type {PageModel} from '../model.ts';
import {useEffect, useReducer} from '../ui.ts';

/** Shows the view again at each change of the model. */
export function useModel(model: PageModel): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => model.watch(() => again(undefined)), [model]);
}
