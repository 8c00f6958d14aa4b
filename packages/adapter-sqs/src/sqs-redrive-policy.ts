import { WalError } from '@daybook/core'

/**
 * Fewest hand-outs after which SQS may move a message away. Each counts, also those in an outage, behind
 * another record or at a shutdown, so that a low number takes records that nobody has tried to apply.
 */
const fewestReceives = 100

/**
 * Refuses a queue whose own redrive policy moves records to where Daybook does not look: they would be
 * neither applied nor dead letters. Throws `ERR_CONFIG`.
 */
export function checkRedrivePolicy(queueUrl: string, policy: string | undefined): void {
  if (policy === undefined || policy === '') return
  const count = maxReceiveCountOf(policy)
  if (Number(count) >= fewestReceives) return
  const facts = `The queue ${queueUrl} has a redrive policy whose maxReceiveCount is ${count}, and SQS would move records away that are not applied.`
  const help = `Raise it to ${fewestReceives} or more, or remove the policy: dead letters are Daybook's, see \`deadLetterStore\`.`
  throw new WalError('ERR_CONFIG', `${facts} ${help}`)
}

/** As it stands there: a number, or its digits. */
function maxReceiveCountOf(policy: string): unknown {
  try {
    return (JSON.parse(policy) as { readonly maxReceiveCount?: unknown } | null)?.maxReceiveCount
  } catch {
    return undefined
  }
}
