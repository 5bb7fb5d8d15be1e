import { EventCorrelator, type EventText } from './event-correlator.ts';

const about = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'web', uid: 'u' } };
const event = (message: string): EventText => ({ about, type: 'Warning', reason: 'BackOff', message });

describe('EventCorrelator', () => {
  it('counts the same event up on the object that it has', () => {
    const correlator = new EventCorrelator();
    const first = correlator.correlate('kubelet', event('again'), 0);
    if (first.outcome !== 'new') throw new Error(first.outcome);
    correlator.written(first.key, 'web.1');
    expect(correlator.correlate('kubelet', event('again'), 1)).toMatchObject({
      outcome: 'repeated',
      name: 'web.1',
      count: 2,
    });
    expect(correlator.correlate('kubelet', event('other'), 2)).toMatchObject({ outcome: 'new' });
    correlator.forget(first.key);
    expect(correlator.correlate('kubelet', event('again'), 3)).toMatchObject({ outcome: 'new' });
  });

  it('combines events that differ only in their message, from the eleventh on', () => {
    const correlator = new EventCorrelator();
    for (let i = 0; i < 10; i++)
      expect(correlator.correlate('rs', event(`pod ${i}`), 0)).toMatchObject({ message: `pod ${i}` });
    const eleventh = correlator.correlate('rs', event('pod 10'), 0);
    expect(eleventh).toMatchObject({ outcome: 'new', message: '(combined from similar events): pod 10' });
    if (eleventh.outcome === 'new') correlator.written(eleventh.key, 'combined');
    expect(correlator.correlate('rs', event('pod 11'), 0)).toMatchObject({
      outcome: 'repeated',
      name: 'combined',
      count: 2,
    });
    expect(correlator.correlate('rs', event('pod 12'), 700_000)).toMatchObject({ message: 'pod 12' });
  });

  it('drops what one source says of one object too often, and hears it again later', () => {
    const correlator = new EventCorrelator();
    const outcomes = Array.from({ length: 30 }, () => correlator.correlate('rs', event('x'), 0).outcome);
    expect(outcomes.filter((outcome) => outcome === 'dropped')).toHaveLength(5);
    expect(correlator.correlate('other', event('x'), 0).outcome).toBe('new');
    expect(correlator.correlate('rs', event('x'), 300_000).outcome).not.toBe('dropped');
  });
});
