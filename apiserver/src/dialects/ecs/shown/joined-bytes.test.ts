import { JoinedBytes } from './joined-bytes.ts';

const itemOf = (text: string) => Buffer.from(JSON.stringify(text));

describe('JoinedBytes', () => {
  it('is a list in JSON', () => {
    const joined = new JoinedBytes();
    expect(joined.list([]).toString()).toBe('[]');
    expect(joined.list([itemOf('a')]).toString()).toBe('["a"]');
    expect(joined.list([itemOf('a'), itemOf('b'), itemOf('c')]).toString()).toBe('["a","b","c"]');
  });

  it('joins the same items once', () => {
    const joined = new JoinedBytes();
    const items = [itemOf('a'), itemOf('b')];
    expect(joined.list([...items])).toBe(joined.list([...items]));
  });

  it('joins anew when an item is another one, more, or gone', () => {
    const joined = new JoinedBytes();
    const [a, b] = [itemOf('a'), itemOf('b')];
    joined.list([a, b]);
    expect(joined.list([a, itemOf('c')]).toString()).toBe('["a","c"]');
    expect(joined.list([a, b, b]).toString()).toBe('["a","b","b"]');
    expect(joined.list([a]).toString()).toBe('["a"]');
    expect(joined.list([b, a]).toString()).toBe('["b","a"]');
  });

  it('keeps the lists that were asked for last', () => {
    const joined = new JoinedBytes();
    const lists = Array.from({ length: 33 }, (_, index) => [itemOf(String(index))]);
    const [first = [], second = []] = lists;
    const [kept, dropped] = [joined.list(first), joined.list(second)];
    for (const list of lists.slice(2, 32)) joined.list(list);
    expect(joined.list(first)).toBe(kept);
    for (const list of lists.slice(32)) joined.list(list);
    expect(joined.list(first)).toBe(kept);
    expect(joined.list(second)).not.toBe(dropped);
  });
});
