"""The tags, enumerations and masks of KMIP 1.0 to 2.1 by the numbers that stand for them on the wire.

Source: OASIS KMIP Specification 2.1, enumerations and bit masks; what 2.x reserves bears the name of KMIP 1.4. The
algorithms after Ed448 are KMIP 3.0's.
"""

from __future__ import annotations

from collections.abc import Mapping

_FIRST_TAG = 0x420001

_TAGS = """
Activation Date; Application Data; Application Namespace; Application Specific Information; Archive Date;
Asynchronous Correlation Value; Asynchronous Indicator; Attribute; Attribute Index; Attribute Name; Attribute Value;
Authentication; Batch Count; Batch Error Continuation Option; Batch Item; Batch Order Option; Block Cipher Mode;
Cancellation Result; Certificate; Certificate Identifier; Certificate Issuer; Certificate Issuer Alternative Name;
Certificate Issuer Distinguished Name; Certificate Request; Certificate Request Type; Certificate Subject;
Certificate Subject Alternative Name; Certificate Subject Distinguished Name; Certificate Type; Certificate Value;
Common Template-Attribute; Compromise Date; Compromise Occurrence Date; Contact Information; Credential;
Credential Type; Credential Value; Criticality Indicator; CRT Coefficient; Cryptographic Algorithm;
Cryptographic Domain Parameters; Cryptographic Length; Cryptographic Parameters; Cryptographic Usage Mask;
Custom Attribute; D; Deactivation Date; Derivation Data; Derivation Method; Derivation Parameters; Destroy Date; Digest;
Digest Value; Encryption Key Information; G; Hashing Algorithm; Initial Date; Initialization Vector; Issuer;
Iteration Count; IV/Counter/Nonce; J; Key; Key Block; Key Compression Type; Key Format Type; Key Material;
Key Part Identifier; Key Value; Key Wrapping Data; Key Wrapping Specification; Last Change Date; Lease Time; Link;
Link Type; Linked Object Identifier; MAC/Signature; MAC/Signature Key Information; Maximum Items;
Maximum Response Size; Message Extension; Modulus; Name; Name Type; Name Value; Object Group; Object Type; Offset;
Opaque Data Type; Opaque Data Value; Opaque Object; Operation; Operation Policy Name; P; Padding Method;
Prime Exponent P; Prime Exponent Q; Prime Field Size; Private Exponent; Private Key; Private Key Template-Attribute;
Private Key Unique Identifier; Process Start Date; Protect Stop Date; Protocol Version; Protocol Version Major;
Protocol Version Minor; Public Exponent; Public Key; Public Key Template-Attribute; Public Key Unique Identifier;
Put Function; Q; Q String; Qlength; Query Function; Recommended Curve; Replaced Unique Identifier; Request Header;
Request Message; Request Payload; Response Header; Response Message; Response Payload; Result Message; Result Reason;
Result Status; Revocation Message; Revocation Reason; Revocation Reason Code; Key Role Type; Salt; Secret Data;
Secret Data Type; Serial Number; Server Information; Split Key; Split Key Method; Split Key Parts; Split Key Threshold;
State; Storage Status Mask; Symmetric Key; Template; Template-Attribute; Time Stamp; Unique Batch Item ID;
Unique Identifier; Usage Limits; Usage Limits Count; Usage Limits Total; Usage Limits Unit; Username; Validity Date;
Validity Indicator; Vendor Extension; Vendor Identification; Wrapping Method; X; Y; Password; Device Identifier;
Encoding Option; Extension Information; Extension Name; Extension Tag; Extension Type; Fresh; Machine Identifier;
Media Identifier; Network Identifier; Object Group Member; Certificate Length; Digital Signature Algorithm;
Certificate Serial Number; Device Serial Number; Issuer Alternative Name; Issuer Distinguished Name;
Subject Alternative Name; Subject Distinguished Name; X.509 Certificate Identifier; X.509 Certificate Issuer;
X.509 Certificate Subject; Key Value Location; Key Value Location Value; Key Value Location Type; Key Value Present;
Original Creation Date; PGP Key; PGP Key Version; Alternative Name; Alternative Name Value; Alternative Name Type; Data;
Signature Data; Data Length; Random IV; MAC Data; Attestation Type; Nonce; Nonce ID; Nonce Value;
Attestation Measurement; Attestation Assertion; IV Length; Tag Length; Fixed Field Length; Counter Length;
Initial Counter Value; Invocation Field Length; Attestation Capable Indicator; Offset Items; Located Items;
Correlation Value; Init Indicator; Final Indicator; RNG Parameters; RNG Algorithm; DRBG Algorithm; FIPS186 Variation;
Prediction Resistance; Random Number Generator; Validation Information; Validation Authority Type;
Validation Authority Country; Validation Authority URI; Validation Version Major; Validation Version Minor;
Validation Type; Validation Level; Validation Certificate Identifier; Validation Certificate URI; Validation Vendor URI;
Validation Profile; Profile Information; Profile Name; Server URI; Server Port; Streaming Capability;
Asynchronous Capability; Attestation Capability; Unwrap Mode; Destroy Action; Shredding Algorithm; RNG Mode;
Client Registration Method; Capability Information; Key Wrap Type; Batch Undo Capability; Batch Continue Capability;
PKCS#12 Friendly Name; Description; Comment; Authenticated Encryption Additional Data; Authenticated Encryption Tag;
Salt Length; Mask Generator; Mask Generator Hashing Algorithm; P Source; Trailer Field; Client Correlation Value;
Server Correlation Value; Digested Data; Certificate Subject CN; Certificate Subject O; Certificate Subject OU;
Certificate Subject Email; Certificate Subject C; Certificate Subject ST; Certificate Subject L;
Certificate Subject UID; Certificate Subject Serial Number; Certificate Subject Title; Certificate Subject DC;
Certificate Subject DN Qualifier; Certificate Issuer CN; Certificate Issuer O; Certificate Issuer OU;
Certificate Issuer Email; Certificate Issuer C; Certificate Issuer ST; Certificate Issuer L; Certificate Issuer UID;
Certificate Issuer Serial Number; Certificate Issuer Title; Certificate Issuer DC; Certificate Issuer DN Qualifier;
Sensitive; Always Sensitive; Extractable; Never Extractable; Replace Existing; Attributes; Common Attributes;
Private Key Attributes; Public Key Attributes; Extension Enumeration; Extension Attribute;
Extension Parent Structure Tag; Extension Description; Server Name; Server Serial Number; Server Version; Server Load;
Product Name; Build Level; Build Date; Cluster Info; Alternate Failover Endpoints; Short Unique Identifier; Reserved;
Tag; Certificate Request Unique Identifier; NIST Key Type; Attribute Reference; Current Attribute; New Attribute; -; -;
Certificate Request Value; Log Message; Profile Version; Profile Version Major; Profile Version Minor;
Protection Level; Protection Period; Quantum Safe; Quantum Safe Capability; Ticket; Ticket Type; Ticket Value;
Request Count; Rights; Objects; Operations; Right; Endpoint Role; Defaults Information; Object Defaults; Ephemeral;
Server Hashed Password; One Time Password; Hashed Password; Adjustment Type; PKCS#11 Interface; PKCS#11 Function;
PKCS#11 Input Parameters; PKCS#11 Output Parameters; PKCS#11 Return Code; Protection Storage Mask;
Protection Storage Masks; Interop Function; Interop Identifier; Adjustment Value; Common Protection Storage Masks;
Private Protection Storage Masks; Public Protection Storage Masks; Object Groups; Object Types; Constraints; Constraint;
Rotate Interval; Rotate Automatic; Rotate Offset; Rotate Date; Rotate Generation; Rotate Name; Rotate Name Value;
Rotate Name Type; Rotate Latest; Asynchronous Request; Submission Date; Processing Stage;
Asynchronous Correlation Values
"""

_ENUMERATIONS = {
    "Object Type": """Certificate; Symmetric Key; Public Key; Private Key; Split Key; Template; Secret Data;
        Opaque Object; PGP Key; Certificate Request""",
    "State": "Pre-Active; Active; Deactivated; Compromised; Destroyed; Destroyed Compromised",
    "Cryptographic Algorithm": """DES; 3DES; AES; RSA; DSA; ECDSA; HMAC-SHA1; HMAC-SHA224; HMAC-SHA256; HMAC-SHA384;
        HMAC-SHA512; HMAC-MD5; DH; ECDH; ECMQV; Blowfish; Camellia; CAST5; IDEA; MARS; RC2; RC4; RC5; SKIPJACK; Twofish;
        EC; One Time Pad; ChaCha20; Poly1305; ChaCha20Poly1305; SHA3-224; SHA3-256; SHA3-384; SHA3-512; HMAC-SHA3-224;
        HMAC-SHA3-256; HMAC-SHA3-384; HMAC-SHA3-512; SHAKE-128; SHAKE-256; ARIA; SEED; SM2; SM3; SM4; GOST R 34.10-2012;
        GOST R 34.11-2012; GOST R 34.13-2015; GOST 28147-89; XMSS; SPHINCS-256; McEliece; McEliece-6960119;
        McEliece-8192128; Ed25519; Ed448; ML-KEM-512; ML-KEM-768; ML-KEM-1024; ML-DSA-44; ML-DSA-65; ML-DSA-87;
        SLH-DSA-SHA2-128s; SLH-DSA-SHA2-128f; SLH-DSA-SHA2-192s; SLH-DSA-SHA2-192f; SLH-DSA-SHA2-256s;
        SLH-DSA-SHA2-256f; SLH-DSA-SHAKE-128s; SLH-DSA-SHAKE-128f; SLH-DSA-SHAKE-192s; SLH-DSA-SHAKE-192f;
        SLH-DSA-SHAKE-256s; SLH-DSA-SHAKE-256f""",
    "Recommended Curve": """P-192; K-163; B-163; P-224; K-233; B-233; P-256; K-283; B-283; P-384; K-409; B-409; P-521;
        K-571; B-571; SECP112R1; SECP112R2; SECP128R1; SECP128R2; SECP160K1; SECP160R1; SECP160R2; SECP192K1; SECP224K1;
        SECP256K1; SECT113R1; SECT113R2; SECT131R1; SECT131R2; SECT163R1; SECT193R1; SECT193R2; SECT239K1; ANSIX9P192V2;
        ANSIX9P192V3; ANSIX9P239V1; ANSIX9P239V2; ANSIX9P239V3; ANSIX9C2PNB163V1; ANSIX9C2PNB163V2; ANSIX9C2PNB163V3;
        ANSIX9C2PNB176V1; ANSIX9C2TNB191V1; ANSIX9C2TNB191V2; ANSIX9C2TNB191V3; ANSIX9C2PNB208W1; ANSIX9C2TNB239V1;
        ANSIX9C2TNB239V2; ANSIX9C2TNB239V3; ANSIX9C2PNB272W1; ANSIX9C2PNB304W1; ANSIX9C2TNB359V1; ANSIX9C2PNB368W1;
        ANSIX9C2TNB431R1; BRAINPOOLP160R1; BRAINPOOLP160T1; BRAINPOOLP192R1; BRAINPOOLP192T1; BRAINPOOLP224R1;
        BRAINPOOLP224T1; BRAINPOOLP256R1; BRAINPOOLP256T1; BRAINPOOLP320R1; BRAINPOOLP320T1; BRAINPOOLP384R1;
        BRAINPOOLP384T1; BRAINPOOLP512R1; BRAINPOOLP512T1; CURVE25519; CURVE448""",
    "NIST Key Type": """Private signature key; Public signature verification key; Symmetric authentication key;
        Private authentication key; Public authentication key; Symmetric data encryption key;
        Symmetric key wrapping key; Symmetric random number generation key; Symmetric master key;
        Private key transport key; Public key transport key; Symmetric key agreement key;
        Private static key agreement key; Public static key agreement key; Private ephemeral key agreement key;
        Public ephemeral key agreement key; Symmetric authorization key; Private authorization key;
        Public authorization key""",
    "Operation": """Create; Create Key Pair; Register; Re-key; Derive Key; Certify; Re-certify; Locate; Check; Get;
        Get Attributes; Get Attribute List; Add Attribute; Modify Attribute; Delete Attribute; Obtain Lease;
        Get Usage Allocation; Activate; Revoke; Destroy; Archive; Recover; Validate; Query; Cancel; Poll; Notify; Put;
        Re-key Key Pair; Discover Versions; Encrypt; Decrypt; Sign; Signature Verify; MAC; MAC Verify; RNG Retrieve;
        RNG Seed; Hash; Create Split Key; Join Split Key; Import; Export; Log; Login; Logout; Delegated Login;
        Adjust Attribute; Set Attribute; Set Endpoint Role; PKCS#11; Interop; Re-Provision; Set Defaults;
        Set Constraints; Get Constraints; Query Asynchronous Requests; Process; Ping""",
    "Result Reason": """Item Not Found; Response Too Large; Authentication Not Successful; Invalid Message;
        Operation Not Supported; Missing Data; Invalid Field; Feature Not Supported; Operation Canceled By Requester;
        Cryptographic Failure; Illegal Operation; Permission Denied; Object Archived; Index Out of Bounds;
        Application Namespace Not Supported; Key Format Type Not Supported; Key Compression Type Not Supported;
        Encoding Option Error; Key Value Not Present; Attestation Required; Attestation Failed; Sensitive;
        Not Extractable; Object Already Exists; Invalid Ticket; Usage Limit Exceeded; Numeric Range; Invalid Data Type;
        Read Only Attribute; Multi Valued Attribute; Unsupported Attribute; Attribute Instance Not Found;
        Attribute Not Found; Attribute Read Only; Attribute Single Valued; Bad Cryptographic Parameters; Bad Password;
        Codec Error; -; Illegal Object Type; Incompatible Cryptographic Usage Mask; Internal Server Error;
        Invalid Asynchronous Correlation Value; Invalid Attribute; Invalid Attribute Value; Invalid Correlation Value;
        Invalid CSR; Invalid Object Type; -; Key Wrap Type Not Supported; -; Missing Initialization Vector;
        Non Unique Name Attribute; Object Destroyed; Object Not Found; -; Not Authorised; Server Limit Exceeded;
        Unknown Enumeration; Unknown Message Extension; Unknown Tag; Unsupported Cryptographic Parameters;
        Unsupported Protocol Version; Wrapping Object Archived; Wrapping Object Destroyed; Wrapping Object Not Found;
        Wrong Key Lifecycle State; Protection Storage Unavailable; PKCS#11 Codec Error; PKCS#11 Invalid Function;
        PKCS#11 Invalid Interface; Private Protection Storage Unavailable; Public Protection Storage Unavailable;
        Unknown Object Group; Constraint Violation; Duplicate Process Request""",
    "Query Function": """Query Operations; Query Objects; Query Server Information; Query Application Namespaces;
        Query Extension List; Query Extension Map; Query Attestation Types; Query RNGs; Query Validations;
        Query Profiles; Query Capabilities; Query Client Registration Methods; Query Defaults Information;
        Query Storage Protection Masks""",
    "Block Cipher Mode": """CBC; ECB; PCBC; CFB; OFB; CTR; CMAC; CCM; GCM; CBC-MAC; XTS; AESKeyWrapPadding;
        NISTKeyWrap; X9.102 AESKW; X9.102 TDKW; X9.102 AKW1; X9.102 AKW2; AEAD""",
    "Padding Method": "None; OAEP; PKCS5; SSL3; Zeros; ANSI X9.23; ISO 10126; PKCS1 v1.5; X9.31; PSS",
    "Hashing Algorithm": """MD2; MD4; MD5; SHA-1; SHA-224; SHA-256; SHA-384; SHA-512; RIPEMD-160; Tiger; Whirlpool;
        SHA-512/224; SHA-512/256; SHA3-224; SHA3-256; SHA3-384; SHA3-512""",
    "Digital Signature Algorithm": """MD2 with RSA Encryption; MD5 with RSA Encryption; SHA-1 with RSA Encryption;
        SHA-224 with RSA Encryption; SHA-256 with RSA Encryption; SHA-384 with RSA Encryption;
        SHA-512 with RSA Encryption; RSASSA-PSS; DSA with SHA-1; DSA with SHA224; DSA with SHA256; ECDSA with SHA-1;
        ECDSA with SHA224; ECDSA with SHA256; ECDSA with SHA384; ECDSA with SHA512; SHA3-256 with RSA Encryption;
        SHA3-384 with RSA Encryption; SHA3-512 with RSA Encryption""",
    "Key Role Type": """BDK; CVK; DEK; MKAC; MKSMC; MKSMI; MKDAC; MKDN; MKCP; MKOTH; KEK; MAC16609; MAC97971; MAC97972;
        MAC97973; MAC97974; MAC97975; ZPK; PVKIBM; PVKPVV; PVKOTH; DUKPT; IV; TRKBK""",
    "Key Format Type": """Raw; Opaque; PKCS#1; PKCS#8; X.509; ECPrivateKey; Transparent Symmetric Key;
        Transparent DSA Private Key; Transparent DSA Public Key; Transparent RSA Private Key;
        Transparent RSA Public Key; Transparent DH Private Key; Transparent DH Public Key;
        Transparent ECDSA Private Key; Transparent ECDSA Public Key; Transparent ECDH Private Key;
        Transparent ECDH Public Key; Transparent ECMQV Private Key; Transparent ECMQV Public Key;
        Transparent EC Private Key; Transparent EC Public Key; PKCS#12; PKCS#10""",
    "Revocation Reason Code": """Unspecified; Key Compromise; CA Compromise; Affiliation Changed; Superseded;
        Cessation of Operation; Privilege Withdrawn""",
    "Split Key Method": """XOR; Polynomial Sharing GF(2^16); Polynomial Sharing Prime Field;
        Polynomial Sharing GF(2^8)""",
    "RNG Algorithm": "Unspecified; FIPS 186-2; DRBG; NRBG; ANSI X9.31; ANSI X9.62",
    "DRBG Algorithm": "Unspecified; Dual-EC; Hash; HMAC; CTR",
    "FIPS186 Variation": """Unspecified; GP x-Original; GP x-Change Notice; x-Original; x-Change Notice; k-Original;
        k-Change Notice""",
    "RNG Mode": "Unspecified; Shared Instantiation; Non-Shared Instantiation",
    "Validation Authority Type": "Unspecified; NIST CMVP; Common Criteria",
    "Validation Type": "Unspecified; Hardware; Software; Firmware; Hybrid",
    "Unwrap Mode": "Unspecified; Processed; Not Processed",
    "Destroy Action": """Unspecified; Key Material Deleted; Key Material Shredded; Meta Data Deleted;
        Meta Data Shredded; Deleted; Shredded""",
    "Shredding Algorithm": "Unspecified; Cryptographic; Unsupported",
    "Client Registration Method": """Unspecified; Server Pre-Generated; Server On-Demand; Client Generated;
        Client Registered""",
    "Alternative Name Type": """Uninterpreted Text String; URI; Object Serial Number; Email Address; DNS Name;
        X.500 Distinguished Name; IP Address""",
    "Name Type": "Uninterpreted Text String; URI",
    "Rotate Name Type": "Uninterpreted Text String; URI",
    "Key Value Location Type": "Uninterpreted Text String; URI",
    "Certificate Type": "X.509; PGP",
    "Secret Data Type": "Password; Seed",
    "Usage Limits Unit": "Byte; Object",
    "Protection Level": "High; Low",
    "Credential Type": """Username and Password; Device; Attestation; One Time Password; Hashed Password; Ticket""",
    "Attestation Type": "TPM Quote; TCG Integrity Report; SAML Assertion",
}

_LINKS = """Certificate Link; Public Key Link; Private Key Link; Derivation Base Object Link; Derived Key Link;
    Replacement Object Link; Replaced Object Link; Parent Link; Child Link; Previous Link; Next Link;
    PKCS#12 Certificate Link; PKCS#12 Password Link; Wrapping Key Link"""

_MASKS = {
    "Cryptographic Usage Mask": """Sign; Verify; Encrypt; Decrypt; Wrap Key; Unwrap Key; Export; MAC Generate;
        MAC Verify; Derive Key; Content Commitment; Key Agreement; Certificate Sign; CRL Sign; Generate Cryptogram;
        Validate Cryptogram; Translate Encrypt; Translate Decrypt; Translate Wrap; Translate Unwrap; Authenticate;
        Unrestricted; FPE Encrypt; FPE Decrypt""",
    "Protection Storage Mask": """Software; Hardware; On Processor; On System; Off System; Hypervisor;
        Operating System; Container; On Premises; Off Premises; Self Managed; Outsourced; Validated;
        Same Jurisdiction""",
    "Storage Status Mask": "On-line Storage; Archival Storage; Destroyed Storage",
}


def _numbered(names: str, first: int = 1) -> dict[int, str]:
    listed = (" ".join(name.split()) for name in names.split(";"))
    return {number: name for number, name in enumerate(listed, first) if name != "-"}


TAGS: Mapping[int, str] = _numbered(_TAGS, _FIRST_TAG)
"""The names of tags."""

TAG_NUMBERS: Mapping[str, int] = {name: number for number, name in TAGS.items()}

ENUMERATIONS: Mapping[str, Mapping[int, str]] = {
    **{tag: _numbered(names) for tag, names in _ENUMERATIONS.items()},
    "Link Type": _numbered(_LINKS, 0x101),
    "Result Reason": {**_numbered(_ENUMERATIONS["Result Reason"]), 0x100: "General Failure"},
    "Result Status": _numbered("Success; Operation Failed; Operation Pending; Operation Undone", 0),
}
"""By the tag, the names of its values."""

MASKS: Mapping[str, Mapping[int, str]] = {
    tag: {1 << (number - 1): name for number, name in _numbered(names).items()} for tag, names in _MASKS.items()
}
"""By the tag, the names of its bits."""


def number(tag: str, name: str) -> int:
    """The number that stands for a value of an enumeration. Raises KeyError where it has none of that name."""
    return next(value for value, known in ENUMERATIONS[tag].items() if known == name)
