<?php

// Usage: php keys.php JWT_KEYS_FILE
// Prints the key ring as PHP: the secrets by key id, and the id of the key that signs.

declare(strict_types=1);

$ring = ['secrets' => [], 'signing' => null];
foreach (json_decode(file_get_contents($argv[1]), flags: JSON_THROW_ON_ERROR)->keys as $key) {
    $ring['secrets'][$key->kid] = base64_decode(strtr($key->k, '-_', '+/'));
    if (in_array('sign', $key->key_ops, true)) {
        $ring['signing'] = $key->kid;
    }
}
if ($ring['signing'] === null) {
    fwrite(STDERR, "no key signs\n");
    exit(1);
}
echo '<?php return ', var_export($ring, true), ";\n";
