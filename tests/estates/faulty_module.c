/* A PKCS#11 module that passes everything on to another one, and goes wrong where it is told to.
 *
 * FAULTY_REAL   path of the other module
 * FAULTY_PLAN   "FUNCTION=FAULT" words, such as "C_FindObjects=refuse C_GetAttributeValue=removed@40": a fault begins with
 *               the call of that number, counted from 1. A fault that is a number is returned as it is.
 * FAULTY_CALLS  file to which the name of each function is added when it is called
 *
 * It needs no headers and no C library to be linked with, so that the smallest compiler makes it.
 */

typedef unsigned long word;
typedef struct { word type; void *value; word length; } attribute;
typedef struct { word version; void *functions[68]; } list;

extern void *dlopen(const char *, int);
extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern char *strstr(const char *, const char *);
extern word strlen(const char *);
extern word strtoul(const char *, char **, int);
extern int strncmp(const char *, const char *, word);
extern int open(const char *, int, ...);
extern long write(int, const void *, word);
extern int close(int);
extern int pause(void);
extern void _exit(int);
extern int raise(int);

static list *real;
static list mine;

enum { INITIALIZE = 0, SLOT_LIST = 4, SLOT_INFO, TOKEN_INFO, MECHANISM_LIST, MECHANISM_INFO, OPEN_SESSION = 12,
       LOGIN = 18, ATTRIBUTE_VALUE = 24, FIND_OBJECTS = 27 };
enum { GOES_ON = 0, LIES = 1 };

static word calls[68];

static void note(const char *name)
{
    const char *path = getenv("FAULTY_CALLS");
    if (!path) return;
    int file = open(path, 02001 | 0100, 0600); /* O_WRONLY | O_APPEND | O_CREAT */
    write(file, name, strlen(name));
    write(file, "\n", 1);
    close(file);
}

/* What a call does: 0 to go on, LIES to answer what is no answer, else what it returns. */
static word fate(int at, const char *name)
{
    const char *plan = getenv("FAULTY_PLAN");
    word length = strlen(name);
    note(name);
    calls[at]++;
    while (plan && *plan) {
        if (!strncmp(plan, name, length) && plan[length] == '=') break;
        plan = strstr(plan, " ");
        if (plan) plan++;
    }
    if (!plan || !*plan) return GOES_ON;
    const char *fault = plan + length + 1;
    const char *end = strstr(fault, " ");
    const char *from = strstr(fault, "@");
    if (from && (!end || from < end) && calls[at] < strtoul(from + 1, 0, 10)) return GOES_ON;
    if (!strncmp(fault, "refuse", 6)) return 0x200;
    if (!strncmp(fault, "break", 5)) return 0x30;
    if (!strncmp(fault, "removed", 7)) return 0x32;
    if (!strncmp(fault, "unknown", 7)) return 0x8badf00d;
    if (!strncmp(fault, "lie", 3)) return LIES;
    if (!strncmp(fault, "hang", 4)) for (;;) pause();
    if (!strncmp(fault, "exit", 4)) _exit(0);
    if (!strncmp(fault, "crash", 5)) { *(volatile int *)0 = 1; raise(11); }
    return strtoul(fault, 0, 0);
}

#define REAL(at, type) ((word (*)type)real->functions[at])

static word initialize(void *arguments)
{
    word rv = fate(INITIALIZE, "C_Initialize");
    return rv > LIES ? rv : REAL(INITIALIZE, (void *))(arguments);
}

/* A list that lies is longer than any memory. */
static word slots(unsigned char present, word *found, word *count)
{
    word rv = fate(SLOT_LIST, "C_GetSlotList");
    if (rv == LIES) { *count = ~0ul >> 8; return 0; }
    return rv ? rv : REAL(SLOT_LIST, (unsigned char, word *, word *))(present, found, count);
}

static word mechanisms(word slot, word *found, word *count)
{
    word rv = fate(MECHANISM_LIST, "C_GetMechanismList");
    if (rv == LIES) { *count = ~0ul >> 8; return 0; }
    return rv ? rv : REAL(MECHANISM_LIST, (word, word *, word *))(slot, found, count);
}

static word slot_info(word slot, void *info)
{
    word rv = fate(SLOT_INFO, "C_GetSlotInfo");
    return rv > LIES ? rv : REAL(SLOT_INFO, (word, void *))(slot, info);
}

/* A token that lies has the flags of FAULTY_FLAGS besides its own. */
static word token_info(word slot, unsigned char *info)
{
    word rv = fate(TOKEN_INFO, "C_GetTokenInfo");
    if (rv > LIES) return rv;
    word told = REAL(TOKEN_INFO, (word, void *))(slot, info);
    const char *flags = getenv("FAULTY_FLAGS");
    if (flags) *(word *)(info + 96) |= strtoul(flags, 0, 0);
    return told;
}

static word mechanism_info(word slot, word mechanism, void *info)
{
    word rv = fate(MECHANISM_INFO, "C_GetMechanismInfo");
    return rv > LIES ? rv : REAL(MECHANISM_INFO, (word, word, void *))(slot, mechanism, info);
}

static word open_session(word slot, word flags, void *application, void *notify, word *session)
{
    word rv = fate(OPEN_SESSION, "C_OpenSession");
    return rv > LIES ? rv : REAL(OPEN_SESSION, (word, word, void *, void *, word *))(slot, flags, application, notify, session);
}

static word login(word session, word user, void *pin, word length)
{
    word rv = fate(LOGIN, "C_Login");
    return rv > LIES ? rv : REAL(LOGIN, (word, word, void *, word))(session, user, pin, length);
}

static word find_objects(word session, word *found, word most, word *count)
{
    word rv = fate(FIND_OBJECTS, "C_FindObjects");
    if (rv == LIES) { *count = most; return 0; } /* without end, and of handles that are none */
    return rv ? rv : REAL(FIND_OBJECTS, (word, word *, word, word *))(session, found, most, count);
}

/* Faults of C_Identify befall the attributes that tell one object from another, those of C_GetAttributeValue the rest. */
static word attribute_value(word session, word object, attribute *asked, word count)
{
    word type = asked->type;
    word identity = type == 0 || type == 3 || type == 0x100 || type == 0x102;
    word rv = identity ? fate(1, "C_Identify") : fate(ATTRIBUTE_VALUE, "C_GetAttributeValue");
    if (rv == LIES && asked->value) { /* of no kind that any attribute has */
        asked->length = 3;
        ((unsigned char *)asked->value)[0] = 0xff;
        ((unsigned char *)asked->value)[1] = 0xfe;
        ((unsigned char *)asked->value)[2] = 0xfd;
        return 0;
    }
    return rv > LIES ? rv : REAL(ATTRIBUTE_VALUE, (word, word, attribute *, word))(session, object, asked, count);
}

word C_GetFunctionList(list **told)
{
    void *module = dlopen(getenv("FAULTY_REAL"), 2);
    if (!module) return 5;
    word rv = ((word (*)(list **))dlsym(module, "C_GetFunctionList"))(&real);
    if (rv) return rv;
    mine = *real;
    mine.functions[INITIALIZE] = initialize;
    mine.functions[SLOT_LIST] = slots;
    mine.functions[SLOT_INFO] = slot_info;
    mine.functions[TOKEN_INFO] = token_info;
    mine.functions[MECHANISM_LIST] = mechanisms;
    mine.functions[MECHANISM_INFO] = mechanism_info;
    mine.functions[OPEN_SESSION] = open_session;
    mine.functions[LOGIN] = login;
    mine.functions[FIND_OBJECTS] = find_objects;
    mine.functions[ATTRIBUTE_VALUE] = attribute_value;
    *told = &mine;
    return 0;
}
