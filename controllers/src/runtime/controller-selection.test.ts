import { controllerNames } from '../controllers.ts';
import { checkedSelection } from '../index.ts';
import { selectControllers } from './controller-selection.ts';

describe('selectControllers', () => {
  const names = ['a', 'b', 'c'];
  it.each<[string[], string[]]>([
    [['*'], ['a', 'b', 'c']],
    [[], ['a', 'b', 'c']],
    [
      ['*', '-b'],
      ['a', 'c'],
    ],
    [['-b'], ['a', 'c']],
    [
      ['a', 'c'],
      ['a', 'c'],
    ],
    [['a', '-a'], []],
    [[' a '], ['a']],
  ])('%j switches on %j', (selection, expected) => {
    expect([...selectControllers(names, selection)]).toEqual(expected);
  });

  it('refuses names that there are not, names the nearest, and says which there are', () => {
    expect(() => selectControllers(names, ['*', '-bb'])).toThrow(
      'unknown controller "bb", did you mean b? There are a, b, c',
    );
    expect(() => checkedSelection(['*', '-deploymnet'])).toThrow('did you mean deployment?');
    expect(() => checkedSelection(['schedler'])).toThrow('did you mean scheduler?');
  });

  it('knows every controller once', () => {
    expect(controllerNames).toContain('deployment');
    expect(new Set(controllerNames).size).toBe(controllerNames.length);
  });
});
