/** An error as the SDK raises it: the code is its name. */
export function refuse(name: string, message: string): Error & { readonly $fault: string } {
  const metadata = { $fault: 'client', $metadata: { attempts: 1 } }
  return Object.assign(new Error(message), { name, ...metadata })
}
