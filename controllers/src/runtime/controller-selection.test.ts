import { controllerNames } from '../controllers.ts';
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

  it('refuses names that there are not, and says which there are', () => {
    expect(() => selectControllers(names, ['*', '-d'])).toThrow('unknown controller "d"; there are a, b, c');
  });

  it('knows every controller once', () => {
    expect(controllerNames).toContain('deployment');
    expect(new Set(controllerNames).size).toBe(controllerNames.length);
  });
});
