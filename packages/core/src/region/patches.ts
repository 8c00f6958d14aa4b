import { WalError } from '../errors.ts'
import type { Op } from '../record.ts'
import type { Target } from '../target/target.ts'

type Asked = Pick<Target, 'guardsFields' | 'passesOn' | 'idempotency'>

/**
 * The first target with which regions could not come to the same by patches; undefined for none. A store with one
 * version per row leaves the older of two patches out, whichever fields it sets, where it comes second, and
 * applies both where it comes first. What passes records on leaves that to what is behind it.
 */
export function patchlessTarget(
  targets: Readonly<Record<string, Asked>>,
  isOfPeer: (target: string) => boolean,
): string | undefined {
  return Object.entries(targets).find(([name, { guardsFields, passesOn, idempotency }]) => {
    if (guardsFields === true || passesOn === true) return false
    return !isOfPeer(name) || (idempotency !== 'id' && passesOn !== 'peer')
  })?.[0]
}

/** Why a patch is not taken; undefined for what is. */
export function patchRefusal(
  { op }: { readonly op?: Op | undefined },
  namespace: string,
  patchless: string | undefined,
): WalError | undefined {
  if (op !== 'patch' || patchless === undefined) return undefined
  return new WalError(
    'ERR_INVALID_RECORD',
    `Namespace '${namespace}' is replicated and takes no patch: target '${patchless}' does not say that it compares versions field ` +
      'by field (guardsFields), so that of two patches of a row one region would keep both, and another only the newer. Write ' +
      'the whole row by a put',
  )
}
