# Keys, certificates, ciphers and digests over a few megabytes; several processes at once.
awk 'BEGIN { srand(3); for (i = 0; i < 100000; i++) print rand() }' >data
openssl dgst -sha256 data
openssl enc -aes-256-cbc -pbkdf2 -nosalt -k secret -in data -out out/data.enc
openssl enc -d -aes-256-cbc -pbkdf2 -nosalt -k secret -in out/data.enc | cmp - data
openssl enc -base64 -in out/data.enc | openssl enc -d -base64 | cmp - out/data.enc
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost 2>/dev/null
openssl x509 -in cert.pem -noout -subject
openssl dgst -sha256 -sign key.pem -out data.sig data
openssl x509 -in cert.pem -pubkey -noout >pub.pem
openssl dgst -sha256 -verify pub.pem -signature data.sig data
openssl ecparam -name prime256v1 -genkey -noout | openssl ec -check 2>&1 | grep -c valid
openssl cms -encrypt -binary -in data -outform DER cert.pem | openssl cms -decrypt -inform DER -inkey key.pem | cmp - data
openssl speed -seconds 1 -multi 2 -evp sha256 >speed 2>/dev/null
grep -c . speed
