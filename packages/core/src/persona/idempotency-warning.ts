import type { ResolvedNamespace } from '../config/resolve.ts'
import { idempotencyNeeded, type Persona } from './persona.ts'

type Warned = Pick<ResolvedNamespace, 'name' | 'persona' | 'targets' | 'replication'>

/** At-least-once delivery to a target that cannot tell a repetition, or an older change, deserves a word. */
export function warnOfIdempotency(namespace: Warned): void {
  warnOfRepetition(namespace)
  warnOfDivergence(namespace)
}

function warnOfRepetition({ name, persona, targets }: Warned): void {
  const needed = persona === undefined ? undefined : idempotencyNeeded[persona as Persona]
  for (const [target, { idempotency }] of Object.entries(targets)) {
    if (needed === undefined || needed.includes(idempotency)) continue
    warn(
      `Target '${target}' of namespace '${name}' says idempotency '${idempotency}': a record that ${persona} ` +
        `delivers twice is applied twice. Guard it by version or id, and say so in its idempotency.`,
    )
  }
}

/** Of the targets in which regions are to end the same; what is beyond a peer's end is for the peer to know. */
function warnOfDivergence({ name, targets, replication }: Warned): void {
  if (replication === undefined) return
  const ofPeers = new Set([...replication.peers.values()].flatMap((peer) => peer.targets))
  for (const [target, { idempotency, passesOn }] of Object.entries(targets)) {
    if (ofPeers.has(target) || idempotency !== 'id' || passesOn === true) continue
    warn(
      `Target '${target}' of namespace '${name}' says idempotency 'id': where two regions write the same key they ` +
        'come to it in another order in each, and it does not end the same. Guard it by version.',
    )
  }
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'DaybookWarning', code: 'DAYBOOK_IDEMPOTENCY' })
}
