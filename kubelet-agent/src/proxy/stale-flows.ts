/** UDP fronts: `ADDRESS PORT`, or `* PORT` for a node port → addresses of the pods behind. */
export type UdpFronts = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Pure: which tracked UDP flows must be forgotten, as arguments for conntrack. A client that keeps sending from one port
 * keeps its flow alive, and with it the way to a pod that is gone, or to nowhere from the time before there was one.
 */
export function staleFlows(before: UdpFronts, after: UdpFronts): readonly (readonly string[])[] {
  const stale: (readonly string[])[] = [];
  for (const [front, pods] of after) {
    const known = before.get(front);
    if (pods.size > 0 && (known === undefined || known.size === 0)) stale.push(frontArguments(front));
  }
  for (const [front, pods] of before) {
    for (const pod of pods) {
      if (!after.get(front)?.has(pod)) stale.push([...frontArguments(front), '--reply-src', pod]);
    }
  }
  return stale;
}

function frontArguments(front: string): readonly string[] {
  const [address = '*', port = ''] = front.split(' ');
  const family = address.includes(':') ? ['-f', 'ipv6'] : [];
  const destination = address === '*' ? [] : ['--orig-dst', address];
  return [...family, '-p', 'udp', ...destination, '--orig-port-dst', port];
}
